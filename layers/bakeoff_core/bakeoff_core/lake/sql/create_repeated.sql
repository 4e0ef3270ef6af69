-- The lines that arrived more than once, and which of them stays: the first arrival, and among equal times the one
-- that `tie_break` puts first. One id under two experiments' names stays once for each, since each of their analyses
-- sees its own. Ids that may occur twice are found by their hashes first, which takes a fraction of the memory that
-- sorting all lines would.
CREATE TABLE repeated AS
WITH suspects AS (
    SELECT hash(event_id) AS hashed
    FROM arrivals
    GROUP BY hashed
    HAVING count(*) > 1
)
SELECT
    a.rowid AS line,
    row_number() OVER first_arrival AS place,
    sum(a.arrivals) OVER (PARTITION BY a.event_id, a.experiment_name) AS together
FROM arrivals AS a
SEMI JOIN suspects AS s ON s.hashed = hash(a.event_id)
WINDOW first_arrival AS (
    PARTITION BY a.event_id, a.experiment_name
    ORDER BY
        a.received_at,
        a."timestamp",
        tie_break(
            a.event_type, a.user_id, a.experiment_name, a.group_name, a.config_version, a.event_value, a.metadata
        ),
        a.rowid
)
QUALIFY count(*) OVER (PARTITION BY a.event_id, a.experiment_name) > 1
