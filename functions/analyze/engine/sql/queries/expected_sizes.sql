-- How many units each group should have by the weights that were in force for each unit.
SELECT
    g.group_name,
    sum(
        CASE
            WHEN p.user_id IS NULL THEN 0e0
            WHEN p.weights IS NULL THEN g.share
            ELSE coalesce(p.weights[g.position + 1], 0e0)
        END
    ) AS expected
FROM groups AS g
LEFT JOIN propensities AS p ON p.propensity IS NOT NULL
GROUP BY g.group_name
