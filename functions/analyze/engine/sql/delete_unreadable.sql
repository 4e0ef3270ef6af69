DELETE FROM events
WHERE event_id IS NULL OR event_type IS NULL OR happened_at IS NULL
