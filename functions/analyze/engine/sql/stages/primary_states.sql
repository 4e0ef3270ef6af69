-- The value of the primary metric before and after each period in which a unit contributed to it. A period is a day
-- (UTC), or the time between two planned looks. A metric whose hours end gets a unit whole in the period in which they
-- do; a covariate is known from first exposure on.
WITH chosen AS (
    SELECT
        c.group_name,
        c.user_id,
        c.part,
        c.once,
        c.value,
        CASE
            WHEN m.over_after IS NULL THEN greatest(
                c.happened_at - mod(mod(c.happened_at - s.periods_from, s.period) + s.period, s.period),
                u.first_exposure - mod(mod(u.first_exposure - s.periods_from, s.period) + s.period, s.period)
            )
            ELSE u.first_exposure + m.over_after - 1
            - mod(mod(u.first_exposure + m.over_after - 1 - s.periods_from, s.period) + s.period, s.period)
        END AS period
    FROM contributions AS c
    JOIN settings AS s ON s.primary_metric = c.position
    JOIN metrics AS m ON m.position = c.position
    JOIN units AS u ON u.user_id = c.user_id
    WHERE c.counts
),

parts AS (
    SELECT group_name, user_id, part, min(period) AS period, 1e0 AS value
    FROM chosen
    WHERE once
    GROUP BY group_name, user_id, part
    UNION ALL
    SELECT group_name, user_id, part, period, value FROM chosen WHERE NOT once
),

moves AS (
    SELECT
        group_name,
        user_id,
        period,
        coalesce(sum(CASE WHEN part = 'y' THEN value END), 0e0) AS y,
        coalesce(sum(CASE WHEN part = 'x' THEN value END), 0e0) AS x
    FROM parts
    GROUP BY group_name, user_id, period
),

totals AS (
    SELECT
        group_name,
        user_id,
        period,
        y AS moved_y,
        x AS moved_x,
        sum(y) OVER (PARTITION BY user_id ORDER BY period ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS y,
        sum(x) OVER (PARTITION BY user_id ORDER BY period ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS x,
        row_number() OVER (PARTITION BY user_id ORDER BY period) AS number
    FROM moves
)

SELECT
    t.group_name,
    t.user_id,
    t.period,
    t.number = 1 AS first_time,
    CASE WHEN t.y > c.cap THEN c.cap ELSE t.y END AS y,
    t.x,
    CASE
        WHEN t.number = 1 THEN 0e0
        WHEN t.y - t.moved_y > c.cap THEN c.cap
        ELSE t.y - t.moved_y
    END AS y_before,
    CASE WHEN t.number = 1 THEN 0e0 ELSE t.x - t.moved_x END AS x_before
FROM totals AS t
CROSS JOIN settings AS s
LEFT JOIN caps AS c ON c.position = s.primary_metric
