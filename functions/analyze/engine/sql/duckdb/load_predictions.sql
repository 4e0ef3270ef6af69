INSERT INTO predictions
SELECT
    event_id,
    epoch_us(received_at),
    epoch_us("timestamp"),
    group_name,
    model_name,
    model_version,
    coalesce(json_extract_string(metadata, '$.fallback') = 'true', false),
    TRY_CAST(json_extract_string(metadata, '$.latency_ms') AS DOUBLE),
    json_extract(metadata, '$.features'),
    json_extract(metadata, '$.prediction'),
    json_extract(metadata, '$.probabilities'),
    CASE WHEN json_type(metadata, '$.shadow') = 'OBJECT' THEN json_extract(metadata, '$.shadow') END
FROM lines
WHERE
    event_type = $prediction
    AND experiment_name = $experiment
    AND (config_version IS NULL OR TRY_CAST(config_version AS BIGINT) = $config_version)
    AND event_id IS NOT NULL
    AND model_name IS NOT NULL
    AND model_version IS NOT NULL
    AND isfinite("timestamp")
    AND ($start::BIGINT IS NULL OR epoch_us("timestamp") >= $start::BIGINT)
    AND ($end::BIGINT IS NULL OR epoch_us("timestamp") < $end::BIGINT)
