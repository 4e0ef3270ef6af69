-- Of each event id its first arrival stays. Ids that may occur twice are found by their hashes first, which
-- takes a fraction of the memory that sorting all events would.
DELETE FROM events
WHERE rowid IN (
    WITH suspects AS (
        SELECT hash(event_id) AS hashed
        FROM events
        GROUP BY hashed
        HAVING count(*) > 1
    )
    SELECT e.rowid
    FROM events AS e
    SEMI JOIN suspects AS s ON s.hashed = hash(e.event_id)
    QUALIFY row_number() OVER (PARTITION BY e.event_id ORDER BY e.received_at, e.happened_at, e.tie_break, e.rowid) > 1
)
