-- The value of every unit. Where a row is a unit, one whose value is missing is no part of the metric; where a row is
-- an event, a unit without values counts as 0.
CREATE TABLE unit_values AS
WITH sums AS (
    SELECT
        unit,
        position,
        part,
        CASE WHEN bool_or(once) THEN max(CASE WHEN value <> 0 THEN 1e0 ELSE 0e0 END) ELSE sum(value) END AS value
    FROM cells
    WHERE value IS NOT NULL
    GROUP BY unit, position, part
)

SELECT
    u.user_id,
    u.group_name,
    u.first_exposure - mod(mod(u.first_exposure, 86400000000) + 86400000000, 86400000000) AS cohort,
    m.position,
    coalesce(y.value, 0e0) AS y,
    coalesce(x.value, 0e0) AS x
FROM units AS u
CROSS JOIN metrics AS m
LEFT JOIN sums AS y ON y.unit = u.user_id AND y.position = m.position AND y.part = 'y'
LEFT JOIN sums AS x ON x.unit = u.user_id AND x.position = m.position AND x.part = 'x'
WHERE
    u.group_name IS NOT NULL
    AND (
        $rows_are_events
        OR (
            y.value IS NOT NULL
            AND (x.value IS NOT NULL OR NOT EXISTS (SELECT 1 FROM table_columns AS c WHERE c.position = m.position AND c.part = 'x'))
        )
    )
