-- Each exposed unit once, at its first exposure. One seen in two groups belongs to neither, and one that was ever
-- forced into a group was not randomised and is none of them.
CREATE TEMP TABLE units AS
SELECT
    user_id,
    min(happened_at) AS first_exposure,
    CASE WHEN count(DISTINCT group_name) = 1 THEN any_value(group_name) END AS group_name
FROM exposures
WHERE known_group AND in_window
GROUP BY user_id
HAVING NOT bool_or(forced)
