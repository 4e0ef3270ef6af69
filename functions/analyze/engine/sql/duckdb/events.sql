-- The events.
CREATE OR REPLACE VIEW events AS
SELECT
    event_type,
    user_id,
    happened_at,
    received_at,
    event_value,
    unusable_value,
    CASE WHEN is_own THEN getvariable('experiment') END AS experiment_name,
    field_values
FROM arrived
