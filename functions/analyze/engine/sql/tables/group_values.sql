-- The groups, those with the most rows first.
SELECT group_name, count(*) AS lines
FROM table_rows
WHERE group_name IS NOT NULL
GROUP BY group_name
ORDER BY lines DESC, group_name
