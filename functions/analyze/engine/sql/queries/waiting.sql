-- Units whose hours are not over, of each metric whose hours end.
SELECT u.group_name, m.position, count(*) AS units
FROM units AS u
CROSS JOIN metrics AS m
CROSS JOIN settings AS s
WHERE u.group_name IS NOT NULL AND u.first_exposure + m.over_after > s.as_of
GROUP BY u.group_name, m.position
