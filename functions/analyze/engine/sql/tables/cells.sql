-- Every value of every row that names a unit and a group. Words for true and false are 1 and 0.
CREATE TABLE cells AS
SELECT
    r.unit,
    r.group_name,
    c.position,
    c.part,
    c.once,
    r.happened_at,
    r.texts[c.text_index] AS text,
    CASE
        WHEN lower(r.texts[c.text_index]) IN ('true', 't', 'yes', 'y') THEN 1e0
        WHEN lower(r.texts[c.text_index]) IN ('false', 'f', 'no', 'n') THEN 0e0
        WHEN abs(TRY_CAST(r.texts[c.text_index] AS DOUBLE)) <= 1e50 THEN TRY_CAST(r.texts[c.text_index] AS DOUBLE)
    END AS value
FROM table_rows AS r
CROSS JOIN table_columns AS c
WHERE r.unit IS NOT NULL AND r.group_name IS NOT NULL
