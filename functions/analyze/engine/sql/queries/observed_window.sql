SELECT
    count(*) FILTER (WHERE group_name IS NULL) AS crossovers,
    min(first_exposure) AS first_exposure,
    max(first_exposure) AS last_exposure,
    max(last_seen) AS last_seen
FROM units
