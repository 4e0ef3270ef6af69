-- New units per group and day, and beside them the first conversions, or the sum, of one metric.
WITH entered AS (
    SELECT group_name, CAST(first_exposure AS DATE) AS day, count(*) AS users
    FROM units
    WHERE group_name IS NOT NULL
    GROUP BY group_name, day
),
first_days AS (
    SELECT c.group_name, min(c.day) AS day, 1.0 AS value
    FROM contributions AS c
    JOIN metrics AS m ON m.position = c.position AND m.kind = 'conversion'
    WHERE c.position = $metric
    GROUP BY c.group_name, c.user_id
),
all_days AS (
    SELECT c.group_name, c.day, c.value
    FROM contributions AS c
    JOIN metrics AS m ON m.position = c.position AND m.kind <> 'conversion'
    WHERE c.position = $metric
),
happened AS (
    SELECT group_name, day, fsum(value) AS value
    FROM (SELECT * FROM first_days UNION ALL SELECT * FROM all_days)
    GROUP BY group_name, day
)
SELECT group_name, day, coalesce(users, 0), coalesce(value, 0.0)
FROM entered
FULL JOIN happened USING (group_name, day)
ORDER BY group_name, day
