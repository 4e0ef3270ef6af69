-- Columns are cast one by one, so that a field of the wrong type costs its value and not its line. Values beyond
-- 1e50 would overflow once squared. Metadata are opened only where a metric reads a field.
INSERT INTO arrived
SELECT
    hash(event_id),
    hash(reverse(event_id)),
    list_position(getvariable('known_types'), event_type),
    user_id,
    CASE
        WHEN event_id IS NOT NULL AND event_type IS NOT NULL AND isfinite("timestamp") THEN epoch_us("timestamp")
    END,
    CASE WHEN isfinite(received_at) THEN epoch_us(received_at) END,
    CASE WHEN abs(TRY_CAST(event_value AS DOUBLE)) <= 1e50 THEN TRY_CAST(event_value AS DOUBLE) END AS usable_value,
    event_value IS NOT NULL AND usable_value IS NULL,
    experiment_name IS NOT NULL,
    CASE
        WHEN list_contains($exposure_types, event_type)
        THEN [
            {
                'group_name': group_name,
                'config_version': TRY_CAST(config_version AS BIGINT),
                'propensity': CASE
                    WHEN TRY_CAST(propensity AS DOUBLE) > 0 AND TRY_CAST(propensity AS DOUBLE) <= 1
                    THEN CAST(propensity AS DOUBLE)
                END,
                'details': metadata
            }
        ]
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
