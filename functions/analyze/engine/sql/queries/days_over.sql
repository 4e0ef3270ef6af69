-- How many of their own days units have behind them.
SELECT
    u.group_name,
    CAST((s.as_of - u.first_exposure - mod(s.as_of - u.first_exposure, 86400000000)) / 86400000000 AS BIGINT) AS days,
    count(*) AS units
FROM units AS u
CROSS JOIN settings AS s
WHERE u.group_name IS NOT NULL
GROUP BY 1, 2
