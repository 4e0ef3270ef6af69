DELETE FROM predictions
WHERE rowid IN (
    SELECT rowid
    FROM predictions
    QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY received_at, happened_at, rowid) > 1
)
