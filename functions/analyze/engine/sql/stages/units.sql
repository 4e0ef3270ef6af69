-- Each exposed unit once, at its first exposure, and when it met its group last. One seen in two groups belongs to neither, and one that was ever
-- forced into a group was not randomised and is none of them.
SELECT
    user_id,
    min(happened_at) AS first_exposure,
    max(happened_at) AS last_seen,
    CASE WHEN min(group_name) = max(group_name) THEN min(group_name) END AS group_name,
    min_by(segment_values, happened_at) FILTER (WHERE segment_values IS NOT NULL) AS segment_values
FROM exposures
WHERE known_group AND in_window
GROUP BY user_id
HAVING NOT bool_or(forced)
