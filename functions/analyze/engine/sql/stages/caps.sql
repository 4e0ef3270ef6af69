-- Where the values of a winsorised metric are cut off: where its configuration says, or at a quantile of the values
-- of all units of all groups, which is the value at rank ceil(n q).
WITH counted AS (
    SELECT v.position, v.y, count(*) AS units
    FROM unit_values AS v
    JOIN metrics AS m ON m.position = v.position AND m.cap_quantile IS NOT NULL
    GROUP BY v.position, v.y
),

ranked AS (
    SELECT
        position,
        y,
        sum(units) OVER (PARTITION BY position ORDER BY y ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS last_rank,
        sum(units) OVER (PARTITION BY position) AS n
    FROM counted
)

SELECT m.position, min(r.y) AS cap
FROM ranked AS r
JOIN metrics AS m ON m.position = r.position
WHERE r.last_rank >= ceil(r.n * m.cap_quantile)
GROUP BY m.position
UNION ALL
SELECT position, cap FROM metrics WHERE cap IS NOT NULL
