-- What units did on each of their own days alone; those that did nothing are in no row.
WITH valued AS (
    SELECT
        group_name,
        position,
        age,
        user_id,
        coalesce(
            max(CASE WHEN part = 'y' AND once THEN value END),
            sum(CASE WHEN part = 'y' AND NOT once THEN value END),
            0e0
        ) AS y,
        coalesce(
            max(CASE WHEN part = 'x' AND once THEN value END),
            sum(CASE WHEN part = 'x' AND NOT once THEN value END),
            0e0
        ) AS x
    FROM contributions
    WHERE age IS NOT NULL
    GROUP BY group_name, position, age, user_id
)

SELECT
    group_name,
    position,
    age,
    count(*) AS n,
    sum(y) AS total_y,
    var_pop(y) * count(*) AS m2_y,
    sum(x) AS total_x,
    var_pop(x) * count(*) AS m2_x,
    covar_pop(y, x) * count(*) AS comoment
FROM valued
GROUP BY group_name, position, age
