-- How many units each group should have by the weights that were in force for each unit.
SELECT
    s.group_name,
    sum(
        CASE
            WHEN p.user_id IS NULL THEN 0.0
            WHEN p.weights IS NULL THEN s.share
            ELSE coalesce(TRY_CAST(json_extract_string(p.weights, '/' || s.group_name) AS DOUBLE), 0.0)
        END
    )
FROM shares AS s
LEFT JOIN propensities AS p ON true
GROUP BY s.group_name
