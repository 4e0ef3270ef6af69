-- Units per group, groups without any among them.
SELECT g.group_name, count(u.user_id) AS units
FROM groups AS g
LEFT JOIN units AS u ON u.group_name = g.group_name
GROUP BY g.group_name
