-- Each unit once, at its first row. One seen in two groups belongs to neither.
CREATE TABLE units AS
SELECT
    unit AS user_id,
    coalesce(min(happened_at), 0) AS first_exposure,
    coalesce(max(happened_at), 0) AS last_seen,
    CASE WHEN min(group_name) = max(group_name) THEN min(group_name) END AS group_name,
    arg_min(segment_values, coalesce(happened_at, 0)) AS segment_values
FROM table_rows
WHERE unit IS NOT NULL AND group_name IS NOT NULL
GROUP BY unit
