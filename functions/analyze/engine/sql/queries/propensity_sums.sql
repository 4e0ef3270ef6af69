-- Sums over a group's units weighted by the inverse of their propensities, for every metric.
WITH valued AS (
    SELECT
        v.group_name,
        v.position,
        v.y AS value,
        p.propensity,
        sum(v.y / p.propensity) OVER (PARTITION BY v.group_name, v.position)
        / sum(1e0 / p.propensity) OVER (PARTITION BY v.group_name, v.position) AS mean
    FROM cut_values AS v
    JOIN propensities AS p ON p.user_id = v.user_id
    WHERE p.propensity > 0
)

SELECT
    group_name,
    position,
    count(*) AS n,
    sum(1e0 / propensity) AS inverse,
    sum(value / propensity) AS total,
    sum((value / propensity) * (value / propensity)) AS squares,
    sum(((value - mean) / propensity) * ((value - mean) / propensity)) AS residual
FROM valued
GROUP BY group_name, position
