-- The period in which each unit became part of the primary metric: that of its first exposure, or the one in which the
-- metric's hours ended for it.
SELECT
    u.group_name,
    u.user_id,
    u.first_exposure + coalesce(m.over_after - 1, 0)
    - mod(mod(u.first_exposure + coalesce(m.over_after - 1, 0) - s.periods_from, s.period) + s.period, s.period)
        AS period
FROM units AS u
CROSS JOIN settings AS s
JOIN metrics AS m ON m.position = s.primary_metric
WHERE u.group_name IS NOT NULL AND (m.over_after IS NULL OR u.first_exposure + m.over_after <= s.as_of)
