INSERT INTO arrivals
SELECT
    schema_version,
    event_id,
    event_type,
    user_id,
    "timestamp",
    received_at,
    CAST(event_value AS DOUBLE),
    experiment_name,
    group_name,
    CAST(config_version AS BIGINT),
    CAST(propensity AS DOUBLE),
    model_name,
    model_version,
    CAST(metadata AS VARCHAR),
    arrivals
FROM lines
