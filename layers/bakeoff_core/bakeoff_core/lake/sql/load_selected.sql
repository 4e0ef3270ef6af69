INSERT INTO arrivals
SELECT
    schema_version,
    event_id,
    event_type,
    user_id,
    "timestamp",
    received_at,
    TRY_CAST(event_value AS DOUBLE),
    experiment_name,
    group_name,
    TRY_CAST(config_version AS BIGINT),
    TRY_CAST(propensity AS DOUBLE),
    model_name,
    model_version,
    CAST(metadata AS VARCHAR),
    arrivals
FROM lines
WHERE
    event_id IS NOT NULL
    AND "timestamp" >= $start
    AND "timestamp" < $end
    AND ($experiment IS NULL OR experiment_name = $experiment)
