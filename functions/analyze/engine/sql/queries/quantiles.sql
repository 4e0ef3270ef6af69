-- Three order statistics of each quantile metric: at the rank of the quantile, and at two ranks beside it that tell
-- how dense the values are there (stats.quantiles). Segment 0 is everybody.
WITH scopes AS (
    SELECT user_id, 0 AS segment_index, '' AS segment_value FROM units
    UNION ALL
    SELECT user_id, segment_index, segment_value FROM unit_segments
),

counted AS (
    SELECT v.group_name, v.position, c.segment_index, c.segment_value, m.quantile, v.y, count(*) AS units
    FROM unit_values AS v
    JOIN metrics AS m ON m.position = v.position AND m.quantile IS NOT NULL
    JOIN scopes AS c ON c.user_id = v.user_id
    GROUP BY v.group_name, v.position, c.segment_index, c.segment_value, m.quantile, v.y
),

ranked AS (
    SELECT
        group_name,
        position,
        segment_index,
        segment_value,
        quantile,
        y,
        sum(units) OVER (
            PARTITION BY group_name, position, segment_index, segment_value
            ORDER BY y ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS last_rank,
        CAST(sum(units) OVER (PARTITION BY group_name, position, segment_index, segment_value) AS DOUBLE) AS n
    FROM counted
)

SELECT
    group_name,
    position,
    segment_index,
    segment_value,
    CAST(n AS BIGINT) AS n,
    min(CASE WHEN last_rank >= least(n, greatest(1e0, ceil(n * quantile))) THEN y END) AS value,
    min(
        CASE
            WHEN
                last_rank
                >= greatest(1e0, floor(n * quantile - 1.959963984540054e0 * sqrt(n * quantile * (1e0 - quantile))))
                THEN y
        END
    ) AS lower_value,
    min(
        CASE
            WHEN last_rank >= least(n, ceil(n * quantile + 1.959963984540054e0 * sqrt(n * quantile * (1e0 - quantile))))
                THEN y
        END
    ) AS upper_value
FROM ranked
GROUP BY group_name, position, segment_index, segment_value, n
