-- Of each event id its first arrival stays. Looked at are only ids that occur more than once.
DELETE FROM arrived
WHERE rowid IN (
    SELECT a.rowid
    FROM arrived AS a
    SEMI JOIN repeated_ids AS r ON r.event_id = a.event_id
    QUALIFY
        row_number() OVER (
            PARTITION BY a.event_id ORDER BY a.received_at, a.happened_at, a.tie_break, a.rowid
        ) > 1
)
