-- The same for a bandit, with every unit weighted by the inverse of its propensity: what each period changed in the
-- sums of units, weights and their squares, and of the values times those.
WITH shift AS (
    SELECT avg(CASE WHEN v.y > c.cap THEN c.cap ELSE v.y END) AS y
    FROM unit_sums AS v
    JOIN settings AS s ON s.primary_metric = v.position
    LEFT JOIN caps AS c ON c.position = v.position
),

entered AS (
    SELECT
        e.group_name,
        e.period,
        count(*) AS units,
        sum(1e0 / p.propensity) AS inverse,
        sum(1e0 / (p.propensity * p.propensity)) AS inverse_squares
    FROM primary_entries AS e
    JOIN propensities AS p ON p.user_id = e.user_id
    WHERE p.propensity > 0
    GROUP BY e.group_name, e.period
),

changed AS (
    SELECT
        t.group_name,
        t.period,
        sum(CASE WHEN t.first_time THEN 1e0 / p.propensity ELSE 0e0 END) AS active_inverse,
        sum(CASE WHEN t.first_time THEN 1e0 / (p.propensity * p.propensity) ELSE 0e0 END) AS active_inverse_squares,
        sum((t.y - t.y_before) / p.propensity) AS total,
        sum((t.y - t.y_before) / (p.propensity * p.propensity)) AS total_squares,
        sum((t.y - t.y_before) * (t.y + t.y_before) / (p.propensity * p.propensity)) AS squares,
        sum(
            CASE
                WHEN t.first_time THEN (t.y - k.y) * (t.y - k.y)
                ELSE (t.y - t.y_before) * (t.y - k.y + t.y_before - k.y)
            END / (p.propensity * p.propensity)
        ) AS shifted_squares
    FROM primary_states AS t
    JOIN propensities AS p ON p.user_id = t.user_id
    CROSS JOIN shift AS k
    WHERE p.propensity > 0
    GROUP BY t.group_name, t.period
)

SELECT
    coalesce(e.group_name, c.group_name) AS group_name,
    coalesce(e.period, c.period) AS period,
    least(coalesce(e.period, c.period) + s.period, s.as_of) AS ends_at,
    coalesce(e.units, 0) AS units,
    coalesce(e.inverse, 0e0) AS inverse,
    coalesce(e.inverse_squares, 0e0) AS inverse_squares,
    coalesce(c.active_inverse, 0e0) AS active_inverse,
    coalesce(c.active_inverse_squares, 0e0) AS active_inverse_squares,
    coalesce(c.total, 0e0) AS total,
    coalesce(c.total_squares, 0e0) AS total_squares,
    coalesce(c.squares, 0e0) AS squares,
    coalesce(c.shifted_squares, 0e0) AS shifted_squares,
    coalesce(k.y, 0e0) AS shift
FROM entered AS e
FULL JOIN changed AS c ON c.group_name = e.group_name AND c.period = e.period
CROSS JOIN settings AS s
CROSS JOIN shift AS k
