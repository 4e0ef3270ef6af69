-- Columns are cast one by one, so that a field of the wrong type costs its value and not its line. Values beyond
-- 1e50 would overflow once squared. Metadata are opened only where something is read in them. Of a segment the context
-- says it, else the metadata.
INSERT INTO events
SELECT
    event_id,
    event_type,
    user_id,
    CASE WHEN isfinite("timestamp") THEN epoch_us("timestamp") END,
    CASE WHEN isfinite(received_at) THEN epoch_us(received_at) END,
    CASE WHEN abs(TRY_CAST(event_value AS DOUBLE)) <= 1e50 THEN TRY_CAST(event_value AS DOUBLE) END AS usable_value,
    event_value IS NOT NULL AND usable_value IS NULL,
    experiment_name,
    group_name,
    TRY_CAST(config_version AS BIGINT),
    CASE
        WHEN list_contains($exposure_types, event_type)
        THEN coalesce(json_extract_string(metadata, '$.reason') = 'forced', false)
        ELSE false
    END,
    CASE WHEN TRY_CAST(propensity AS DOUBLE) > 0 AND TRY_CAST(propensity AS DOUBLE) <= 1 THEN CAST(propensity AS DOUBLE) END,
    CASE
        WHEN list_contains($exposure_types, event_type) AND json_type(metadata, '$.weights') = 'OBJECT'
        THEN list_transform(json_extract_string(metadata, $weight_pointers), lambda v: TRY_CAST(v AS DOUBLE))
    END,
    CASE
        WHEN list_contains($exposure_types, event_type)
        THEN list_transform(
            list_zip(json_extract(metadata, $context_pointers), json_extract(metadata, $metadata_pointers)),
            lambda v: coalesce(
                CASE WHEN json_type(v[1]) NOT IN ('OBJECT', 'ARRAY', 'NULL') THEN v[1] ->> '$' END,
                CASE WHEN json_type(v[2]) NOT IN ('OBJECT', 'ARRAY', 'NULL') THEN v[2] ->> '$' END
            )
        )
    END,
    CASE
        WHEN len($field_pointers) > 0
        THEN list_transform(
            json_extract(metadata, $field_pointers),
            lambda v: CASE
                WHEN json_type(v) IN ('BIGINT', 'UBIGINT', 'DOUBLE') AND abs(CAST(v AS DOUBLE)) <= 1e50
                THEN CAST(v AS DOUBLE)
            END
        )
    END,
    arrivals,
    tie_break(event_type, user_id, experiment_name, group_name, config_version, event_value, metadata)
FROM lines
WHERE experiment_name IS NULL OR experiment_name = $experiment
