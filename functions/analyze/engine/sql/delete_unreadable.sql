-- A line that is no event, or whose time no calendar knows.
DELETE FROM events
WHERE
    event_id IS NULL
    OR event_type IS NULL
    OR happened_at IS NULL
    OR happened_at NOT BETWEEN TIMESTAMP '0001-01-01' AND TIMESTAMP '9999-12-31 23:59:59.999999'
