-- The values after cutting off, beside the same without.
SELECT
    v.user_id,
    v.group_name,
    v.cohort,
    v.position,
    CASE WHEN v.y > c.cap THEN c.cap ELSE v.y END AS y,
    v.x,
    v.y AS uncut
FROM unit_values AS v
LEFT JOIN caps AS c ON c.position = v.position
