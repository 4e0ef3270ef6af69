-- How the values of units are spread, per group and metric, in bins that are the same for all groups: some 25 of a
-- width of 1, 2 or 5 times a power of ten, in which all values lie but the lowest and the highest of 200, and beside
-- them how many values lie below and above. A unit's ratio is its own numerator over its own denominator, where that is not 0.
WITH valued AS (
    SELECT
        v.group_name,
        v.position,
        CASE
            WHEN m.spread = 'value' THEN v.y
            WHEN m.spread = 'ratio' AND v.x <> 0 THEN v.y / v.x
        END AS value
    FROM unit_values AS v
    JOIN metrics AS m ON m.position = v.position AND m.spread IS NOT NULL
),

counted AS (
    SELECT group_name, position, value, count(*) AS units
    FROM valued
    WHERE abs(value) <= 1e100
    GROUP BY group_name, position, value
),

ranked AS (
    SELECT
        group_name,
        position,
        value,
        units,
        sum(units) OVER (
            PARTITION BY position ORDER BY value RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS last_rank,
        sum(units) OVER (PARTITION BY position) AS n
    FROM counted
),

bounds AS (
    SELECT
        position,
        min(value) AS lowest,
        max(value) AS highest,
        min(CASE WHEN last_rank >= n * 0.005e0 THEN value END) AS low,
        min(CASE WHEN last_rank >= n * 0.995e0 THEN value END) AS high,
        max(CASE WHEN value = floor(value) THEN 0 ELSE 1 END) AS fractions
    FROM ranked
    GROUP BY position
),

spans AS (
    SELECT
        position,
        fractions,
        CASE WHEN low < high THEN low ELSE lowest END AS low,
        CASE WHEN low < high THEN high ELSE highest END AS high
    FROM bounds
),

least_widths AS (
    SELECT
        position,
        fractions,
        low,
        high,
        greatest(
            CASE WHEN low < high THEN (high - low) / 24e0 ELSE abs(high) / 10e0 END,
            greatest(abs(low), abs(high)) * 1e-9,
            1e-100
        ) AS least_width
    FROM spans
),

powers AS (
    SELECT position, fractions, low, high, least_width, power(1e1, floor(log10(least_width))) AS unit
    FROM least_widths
),

bins AS (
    SELECT
        position,
        low,
        high,
        CASE
            WHEN fractions = 0 AND least_width <= 1e0 THEN 1e0
            WHEN least_width <= unit THEN unit
            WHEN least_width <= 2e0 * unit THEN 2e0 * unit
            WHEN least_width <= 5e0 * unit THEN 5e0 * unit
            ELSE 1e1 * unit
        END AS width
    FROM powers
),

placed AS (
    SELECT
        r.group_name,
        r.position,
        r.units,
        b.width,
        floor(b.low / b.width) AS first_bin,
        floor(b.high / b.width) AS last_bin,
        floor(r.value / b.width) AS bin
    FROM ranked AS r
    JOIN bins AS b ON b.position = r.position
)

SELECT
    group_name,
    position,
    width,
    first_bin,
    CAST(last_bin - first_bin AS INTEGER) + 1 AS bins,
    CASE
        WHEN bin < first_bin THEN -1
        WHEN bin > last_bin THEN CAST(last_bin - first_bin AS INTEGER) + 1
        ELSE CAST(bin - first_bin AS INTEGER)
    END AS bin,
    sum(units) AS units
FROM placed
GROUP BY group_name, position, width, first_bin, 5, 6
