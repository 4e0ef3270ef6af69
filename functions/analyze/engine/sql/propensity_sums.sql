-- Sums over a group's units weighted by the inverse of their propensities, for every metric; a unit that
-- contributed nothing counts as 0.
WITH unit_values AS (
    SELECT c.position, c.user_id, CASE any_value(m.kind) WHEN 'conversion' THEN 1.0 ELSE sum(c.value) END AS value
    FROM contributions AS c
    JOIN metrics AS m ON m.position = c.position
    GROUP BY c.position, c.user_id
),
valued AS (
    SELECT
        p.group_name,
        m.position,
        coalesce(v.value, 0.0) AS value,
        p.propensity,
        sum(coalesce(v.value, 0.0) / p.propensity) OVER in_group / sum(1 / p.propensity) OVER in_group AS mean
    FROM propensities AS p
    CROSS JOIN metrics AS m
    LEFT JOIN unit_values AS v ON v.user_id = p.user_id AND v.position = m.position
    WHERE p.propensity > 0
    WINDOW in_group AS (PARTITION BY p.group_name, m.position)
)
SELECT
    group_name,
    position,
    count(*),
    fsum(1 / propensity),
    fsum(value / propensity),
    fsum((value / propensity) ** 2),
    fsum(((value - mean) / propensity) ** 2)
FROM valued
GROUP BY group_name, position
