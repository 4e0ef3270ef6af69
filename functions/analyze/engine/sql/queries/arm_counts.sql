-- Each group's units: all of them, those whose attribution window is over, and those of the latter that were
-- rewarded within it.
WITH rewarded AS (
    SELECT DISTINCT u.user_id
    FROM events AS e
    JOIN reward AS r ON r.event_type = e.event_type
    JOIN units AS u ON u.user_id = e.user_id
    WHERE e.happened_at >= u.first_exposure AND e.happened_at < u.first_exposure + r.over_after
)

SELECT
    g.group_name,
    count(u.user_id) AS exposures,
    count(CASE WHEN u.first_exposure + a.over_after <= s.as_of THEN u.user_id END) AS matured,
    count(CASE WHEN u.first_exposure + a.over_after <= s.as_of THEN r.user_id END) AS rewards
FROM groups AS g
CROSS JOIN reward AS a
CROSS JOIN settings AS s
LEFT JOIN units AS u ON u.group_name = g.group_name
LEFT JOIN rewarded AS r ON r.user_id = u.user_id
GROUP BY g.group_name
