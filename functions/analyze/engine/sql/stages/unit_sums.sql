-- A metric's value, and what goes with it, of each unit that contributed anything: y is the metric's own amount, x a
-- ratio's denominator or the covariate.
SELECT
    position,
    user_id,
    coalesce(
        max(CASE WHEN part = 'y' AND once THEN value END), sum(CASE WHEN part = 'y' AND NOT once THEN value END), 0e0
    ) AS y,
    coalesce(
        max(CASE WHEN part = 'x' AND once THEN value END), sum(CASE WHEN part = 'x' AND NOT once THEN value END), 0e0
    ) AS x
FROM contributions
WHERE counts
GROUP BY position, user_id
