SELECT
    count(*) FILTER (group_name IS NULL),
    min(first_exposure),
    max(first_exposure)
FROM units
