-- Total and sum of squares about the mean, per group and metric, over all units: one that contributed
-- nothing counts as 0.
WITH unit_values AS (
    SELECT c.position, c.user_id, CASE any_value(m.kind) WHEN 'conversion' THEN 1.0 ELSE sum(c.value) END AS value
    FROM contributions AS c
    JOIN metrics AS m ON m.position = c.position
    GROUP BY c.position, c.user_id
)
SELECT
    u.group_name,
    m.position,
    fsum(coalesce(v.value, 0.0)),
    var_pop(coalesce(v.value, 0.0)) * count(*)
FROM units AS u
CROSS JOIN metrics AS m
LEFT JOIN unit_values AS v ON v.user_id = u.user_id AND v.position = m.position
WHERE u.group_name IS NOT NULL
GROUP BY u.group_name, m.position
