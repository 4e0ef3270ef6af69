-- Of each column, how many values are missing.
SELECT c.column_name, count(*) AS cells
FROM cells AS x
JOIN table_columns AS c ON c.position = x.position AND c.part = x.part AND c.first_use
WHERE x.text IS NULL
GROUP BY c.column_name
ORDER BY c.column_name
