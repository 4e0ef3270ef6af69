-- The events, with what exposures tell: propensity, weights and segment_values are an exposure's, the probability of
-- its group and, in a bandit, of every group when the unit was drawn, and what its context and metadata say of the
-- unit. Of a segment the context says it, else the metadata. Metadata are opened once for all of it: the first pointer
-- is that of the reason, and after it come those into the context and those into the metadata themselves.
CREATE OR REPLACE TEMP VIEW events AS
WITH told AS (
    SELECT *, json_extract(details, getvariable('exposure_pointers')) AS found FROM arrived
)
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
    coalesce(found[1] ->> '$' = 'forced', false) AS forced,
    propensity,
    CASE
        WHEN len(getvariable('weight_pointers')) > 0 AND json_type(details, '$.weights') = 'OBJECT'
        THEN list_transform(
            json_extract_string(details, getvariable('weight_pointers')), lambda v: TRY_CAST(v AS DOUBLE)
        )
    END AS weights,
    CASE
        WHEN details IS NOT NULL
        THEN list_transform(
            list_zip(found[2:len(found) // 2 + 1], found[len(found) // 2 + 2:]),
            lambda v: coalesce(
                CASE WHEN json_type(v[1]) NOT IN ('OBJECT', 'ARRAY', 'NULL') THEN v[1] ->> '$' END,
                CASE WHEN json_type(v[2]) NOT IN ('OBJECT', 'ARRAY', 'NULL') THEN v[2] ->> '$' END
            )
        )
    END AS segment_values,
    field_values
FROM told
