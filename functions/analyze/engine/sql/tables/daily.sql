-- New units per group and day, and beside them the first conversions, or the sum, of the primary metric.
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
        u.group_name,
        u.user_id,
        x.happened_at - mod(mod(x.happened_at, 86400000000) + 86400000000, 86400000000) AS day,
        x.once,
        x.value
    FROM cells AS x
    JOIN settings AS s ON s.primary_metric = x.position
    JOIN units AS u ON u.user_id = x.unit AND u.group_name IS NOT NULL
    WHERE x.part = 'y' AND x.value <> 0
),

happened AS (
    SELECT group_name, day, sum(value) AS value
    FROM (
        SELECT group_name, min(day) AS day, 1e0 AS value FROM primary_values WHERE once GROUP BY group_name, user_id
        UNION ALL
        SELECT group_name, day, value FROM primary_values WHERE NOT once
    )
    GROUP BY group_name, day
)

SELECT coalesce(e.group_name, h.group_name), coalesce(e.day, h.day), coalesce(e.users, 0), coalesce(h.value, 0e0)
FROM entered AS e
FULL JOIN happened AS h ON h.group_name = e.group_name AND h.day = e.day
