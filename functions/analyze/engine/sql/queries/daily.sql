-- New units per group and day, and beside them the first conversions, or the sum, of one metric.
WITH entered AS (
    SELECT
        group_name,
        first_exposure - mod(mod(first_exposure, 86400000000) + 86400000000, 86400000000) AS day,
        count(*) AS users
    FROM units
    WHERE group_name IS NOT NULL
    GROUP BY 1, 2
),

primary_values AS (
    SELECT
        c.group_name,
        c.user_id,
        c.happened_at - mod(mod(c.happened_at, 86400000000) + 86400000000, 86400000000) AS day,
        c.once,
        c.value
    FROM contributions AS c
    JOIN settings AS s ON s.primary_metric = c.position
    WHERE c.part = 'y' AND c.counts
),

happened AS (
    SELECT group_name, day, sum(value) AS value
    FROM (
        SELECT group_name, min(day) AS day, 1e0 AS value FROM primary_values WHERE once GROUP BY group_name, user_id
        UNION ALL
        SELECT group_name, day, value FROM primary_values WHERE NOT once
    ) AS each_day
    GROUP BY group_name, day
)

SELECT
    coalesce(e.group_name, h.group_name) AS group_name,
    coalesce(e.day, h.day) AS day,
    coalesce(e.users, 0) AS users,
    coalesce(h.value, 0e0) AS value
FROM entered AS e
FULL JOIN happened AS h ON h.group_name = e.group_name AND h.day = e.day
