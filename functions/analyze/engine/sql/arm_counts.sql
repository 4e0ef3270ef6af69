-- Each group's units: all of them, those whose attribution window is over, and those of the latter that were
-- rewarded within it.
WITH rewarded AS (
    SELECT DISTINCT u.user_id
    FROM events AS e
    JOIN units AS u ON u.user_id = e.user_id
    WHERE
        e.event_type = $event_type
        AND e.happened_at >= u.first_exposure
        AND e.happened_at < u.first_exposure + to_microseconds($window_microseconds)
)
SELECT
    g.group_name,
    count(u.user_id),
    count(u.user_id) FILTER (u.first_exposure + to_microseconds($window_microseconds) <= $at::TIMESTAMP),
    count(r.user_id) FILTER (u.first_exposure + to_microseconds($window_microseconds) <= $at::TIMESTAMP)
FROM groups AS g
LEFT JOIN units AS u ON u.group_name = g.group_name
LEFT JOIN rewarded AS r ON r.user_id = u.user_id
GROUP BY g.group_name
