-- The probabilities with which each counted unit was drawn, as its first exposure that tells them recorded them. A
-- unit whose exposures tell nothing was drawn elsewhere, by the configured shares.
WITH recorded AS (
    SELECT
        user_id,
        min_by(propensity, happened_at) FILTER (WHERE propensity IS NOT NULL) AS propensity,
        min_by(weights, happened_at) FILTER (WHERE weights IS NOT NULL) AS weights
    FROM exposures
    WHERE known_group AND in_window
    GROUP BY user_id
)

SELECT u.user_id, u.group_name, coalesce(r.propensity, g.share) AS propensity, r.weights
FROM units AS u
JOIN recorded AS r ON r.user_id = u.user_id
JOIN groups AS g ON g.group_name = u.group_name
