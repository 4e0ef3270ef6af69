-- The exposures among the events: weights are the probabilities, in a bandit, of every group when the unit was drawn,
-- segment_values what its context and metadata say of the unit. Of a segment the context says it, else the metadata.
-- Metadata are opened once for all of it: the first pointer is that of the reason, and after it come those into the
-- context and those into the metadata themselves.
CREATE OR REPLACE VIEW exposure_events AS
WITH told AS (
    SELECT
        user_id,
        happened_at,
        is_own,
        unnest(exposure[1]),
        json_extract(exposure[1].details, getvariable('exposure_pointers')) AS found
    FROM arrived
    WHERE exposure IS NOT NULL
)
SELECT
    user_id,
    happened_at,
    CASE WHEN is_own THEN getvariable('experiment') END AS experiment_name,
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
    END AS segment_values
FROM told
