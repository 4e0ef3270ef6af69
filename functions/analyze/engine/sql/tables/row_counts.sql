SELECT
    count(*) AS lines,
    count(DISTINCT unit) AS units,
    count(*) FILTER (WHERE unit IS NOT NULL AND group_name IS NOT NULL) AS used,
    count(*) FILTER (WHERE unit IS NULL) AS without_unit,
    count(*) FILTER (WHERE unit IS NOT NULL AND group_name IS NULL) AS without_group,
    count(*) FILTER (WHERE happened_at IS NULL) AS without_time
FROM table_rows
