-- Columns are cast one by one, so that a field of the wrong type costs its value and not its line. Values beyond
-- 1e50 would overflow once squared. Metadata are opened only where a metric reads a field, and once for all that an
-- exposure says: the first pointer is that of the reason, and after it come two for each segment, into the context and
-- into the metadata themselves, of which the first that leads to a single value tells the segment.
INSERT INTO arrived
WITH opened AS (
    SELECT
        *,
        list_contains(getvariable('exposure_types'), event_type) AS is_exposure,
        CASE
            WHEN is_exposure THEN json_extract_string(metadata, getvariable('exposure_pointers'))
        END AS found
    FROM lines
    WHERE experiment_name IS NULL OR experiment_name = getvariable('experiment')
)

SELECT
    hash(event_id),
    event_type_of(event_type),
    CASE WHEN user_id IS NOT NULL THEN hash(user_id) END,
    CASE
        WHEN event_id IS NOT NULL AND event_type IS NOT NULL AND isfinite("timestamp") THEN epoch_us("timestamp")
    END,
    CASE WHEN isfinite(received_at) THEN epoch_us(received_at) END,
    CASE WHEN abs(TRY_CAST(event_value AS DOUBLE)) <= 1e50 THEN TRY_CAST(event_value AS DOUBLE) END AS usable_value,
    event_value IS NOT NULL AND usable_value IS NULL,
    experiment_name IS NOT NULL,
    CASE
        WHEN is_exposure
        THEN [
            {
                'group_name': group_name_of(group_name),
                'config_version': TRY_CAST(config_version AS BIGINT),
                'forced': coalesce(found[1] = 'forced', false),
                'propensity': CASE
                    WHEN TRY_CAST(propensity AS DOUBLE) > 0 AND TRY_CAST(propensity AS DOUBLE) <= 1
                    THEN CAST(propensity AS DOUBLE)
                END,
                'weights': CASE
                    WHEN len(getvariable('weight_pointers')) > 0 AND json_type(metadata, '$.weights') = 'OBJECT'
                    THEN list_transform(
                        json_extract_string(metadata, getvariable('weight_pointers')),
                        lambda v: TRY_CAST(v AS DOUBLE)
                    )
                END,
                'segment_values': CASE
                    WHEN found IS NOT NULL
                    THEN list_transform(
                        range(2, len(found), 2),
                        lambda i: coalesce(
                            single_value(found[i], metadata, getvariable('exposure_pointers')[i]),
                            single_value(found[i + 1], metadata, getvariable('exposure_pointers')[i + 1])
                        )
                    )
                END
            }
        ]
    END,
    CASE
        WHEN len(getvariable('field_pointers')) > 0
        THEN list_transform(
            json_extract(metadata, getvariable('field_pointers')),
            lambda v: CASE
                WHEN json_type(v) IN ('BIGINT', 'UBIGINT', 'DOUBLE') AND abs(CAST(v AS DOUBLE)) <= 1e50
                THEN CAST(v AS DOUBLE)
            END
        )
    END,
    arrivals,
    tie_break(event_type, user_id, experiment_name, group_name, config_version, event_value, metadata)
FROM opened
