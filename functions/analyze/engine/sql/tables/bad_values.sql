-- Of each column, how many values are no numbers within range, and one of them.
SELECT c.column_name, count(*) AS cells, min(x.text) AS example
FROM cells AS x
JOIN table_columns AS c ON c.position = x.position AND c.part = x.part AND c.first_use
WHERE x.text IS NOT NULL AND x.value IS NULL
GROUP BY c.column_name
ORDER BY c.column_name
