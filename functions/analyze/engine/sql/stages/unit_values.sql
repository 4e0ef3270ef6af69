-- The value of every unit that is part of a metric; one that contributed nothing counts as 0.
SELECT
    u.user_id,
    u.group_name,
    u.first_exposure - mod(mod(u.first_exposure, 86400000000) + 86400000000, 86400000000) AS cohort,
    m.position,
    coalesce(v.y, 0e0) AS y,
    coalesce(v.x, 0e0) AS x
FROM units AS u
CROSS JOIN metrics AS m
CROSS JOIN settings AS s
LEFT JOIN unit_sums AS v ON v.user_id = u.user_id AND v.position = m.position
WHERE u.group_name IS NOT NULL AND (m.over_after IS NULL OR u.first_exposure + m.over_after <= s.as_of)
