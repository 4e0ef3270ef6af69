-- The probabilities with which each counted unit was drawn, as its first exposure that tells them recorded them. A
-- unit whose exposures tell nothing was drawn elsewhere, by the configured shares.
CREATE TEMP TABLE propensities AS
WITH recorded AS (
    SELECT user_id, arg_min(propensity, happened_at) AS propensity, arg_min(weights, happened_at) AS weights
    FROM exposures
    WHERE known_group AND in_window
    GROUP BY user_id
)
SELECT u.user_id, u.group_name, coalesce(r.propensity, s.share) AS propensity, r.weights
FROM units AS u
JOIN recorded AS r ON r.user_id = u.user_id
JOIN shares AS s ON s.group_name = u.group_name
