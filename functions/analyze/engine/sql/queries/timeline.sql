-- What each period changed in the sums of the primary metric: units that became part of it, and of those that
-- contributed anything, how many did for the first time, and what it changed in the totals and in the squares about
-- a shift, so that nothing cancels.
WITH shift AS (
    SELECT avg(CASE WHEN v.y > c.cap THEN c.cap ELSE v.y END) AS y, avg(v.x) AS x
    FROM unit_sums AS v
    JOIN settings AS s ON s.primary_metric = v.position
    LEFT JOIN caps AS c ON c.position = v.position
),

entered AS (
    SELECT group_name, period, count(*) AS units FROM primary_entries GROUP BY group_name, period
),

changed AS (
    SELECT
        t.group_name,
        t.period,
        count(CASE WHEN t.first_time THEN 1 END) AS active,
        sum(t.y - t.y_before) AS total_y,
        sum(t.x - t.x_before) AS total_x,
        sum(
            CASE
                WHEN t.first_time THEN (t.y - k.y) * (t.y - k.y)
                ELSE (t.y - t.y_before) * (t.y - k.y + t.y_before - k.y)
            END
        ) AS square_y,
        sum(
            CASE
                WHEN t.first_time THEN (t.x - k.x) * (t.x - k.x)
                ELSE (t.x - t.x_before) * (t.x - k.x + t.x_before - k.x)
            END
        ) AS square_x,
        sum(
            (t.y - k.y) * (t.x - k.x)
            - CASE WHEN t.first_time THEN 0e0 ELSE (t.y_before - k.y) * (t.x_before - k.x) END
        ) AS product
    FROM primary_states AS t
    CROSS JOIN shift AS k
    GROUP BY t.group_name, t.period
)

SELECT
    coalesce(e.group_name, c.group_name) AS group_name,
    coalesce(e.period, c.period) AS period,
    least(coalesce(e.period, c.period) + s.period, s.as_of) AS ends_at,
    coalesce(e.units, 0) AS units,
    coalesce(c.active, 0) AS active,
    coalesce(c.total_y, 0e0) AS total_y,
    coalesce(c.square_y, 0e0) AS square_y,
    coalesce(c.total_x, 0e0) AS total_x,
    coalesce(c.square_x, 0e0) AS square_x,
    coalesce(c.product, 0e0) AS product,
    coalesce(k.y, 0e0) AS shift_y,
    coalesce(k.x, 0e0) AS shift_x
FROM entered AS e
FULL JOIN changed AS c ON c.group_name = e.group_name AND c.period = e.period
CROSS JOIN settings AS s
CROSS JOIN shift AS k
