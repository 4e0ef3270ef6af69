-- Columns are cast one by one, so that a field of the wrong type costs its value and not its line. Values beyond
-- 1e50 would overflow once squared.
INSERT INTO events
SELECT
    event_id,
    event_type,
    user_id,
    timezone('UTC', TRY_CAST("timestamp" AS TIMESTAMPTZ)),
    timezone('UTC', TRY_CAST(received_at AS TIMESTAMPTZ)),
    CASE WHEN abs(TRY_CAST(event_value AS DOUBLE)) <= 1e50 THEN TRY_CAST(event_value AS DOUBLE) END AS usable_value,
    event_value IS NOT NULL AND usable_value IS NULL,
    experiment_name,
    group_name,
    TRY_CAST(config_version AS BIGINT),
    coalesce(json_extract_string(metadata, '$.reason') = 'forced', false),
    CASE WHEN TRY_CAST(propensity AS DOUBLE) > 0 AND TRY_CAST(propensity AS DOUBLE) <= 1 THEN CAST(propensity AS DOUBLE) END,
    json_extract(metadata, '$.weights'),
    list_transform(
        json_extract(metadata, $pointers),
        lambda v: CASE
            WHEN json_type(v) IN ('BIGINT', 'UBIGINT', 'DOUBLE') AND abs(CAST(v AS DOUBLE)) <= 1e50
            THEN CAST(v AS DOUBLE)
        END
    ),
    arrivals,
    tie_break(event_type, user_id, experiment_name, group_name, config_version, event_value, metadata)
FROM lines
WHERE experiment_name IS NULL OR experiment_name = $experiment
