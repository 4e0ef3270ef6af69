-- Each event once: its first arrival.
CREATE TEMP TABLE events AS
SELECT DISTINCT ON (event_id)
    event_id, event_type, user_id, happened_at, event_value, unusable_value, experiment_name, group_name, config_version,
    field_values
FROM arrivals
WHERE event_id IS NOT NULL AND event_type IS NOT NULL AND happened_at IS NOT NULL AND user_id IS NOT NULL
ORDER BY event_id, received_at, happened_at
