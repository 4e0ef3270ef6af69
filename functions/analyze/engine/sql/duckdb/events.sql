-- The events, with what exposures tell: propensity, weights and segment_values are an exposure's, the probability of
-- its group and of every group when the unit was drawn, and what its context and metadata say of the unit. Of a segment
-- the context says it, else the metadata.
CREATE OR REPLACE TEMP VIEW events AS
SELECT
    event_id,
    event_type,
    user_id,
    happened_at,
    received_at,
    event_value,
    unusable_value,
    experiment_name,
    group_name,
    config_version,
    coalesce(json_extract_string(details, '$.reason') = 'forced', false) AS forced,
    propensity,
    CASE
        WHEN json_type(details, '$.weights') = 'OBJECT'
        THEN list_transform(
            json_extract_string(details, getvariable('weight_pointers')), lambda v: TRY_CAST(v AS DOUBLE)
        )
    END AS weights,
    CASE
        WHEN details IS NOT NULL
        THEN list_transform(
            list_zip(
                json_extract(details, getvariable('context_pointers')),
                json_extract(details, getvariable('metadata_pointers'))
            ),
            lambda v: coalesce(
                CASE WHEN json_type(v[1]) NOT IN ('OBJECT', 'ARRAY', 'NULL') THEN v[1] ->> '$' END,
                CASE WHEN json_type(v[2]) NOT IN ('OBJECT', 'ARRAY', 'NULL') THEN v[2] ->> '$' END
            )
        )
    END AS segment_values,
    field_values
FROM arrived
