-- An exposure without a configuration version was decided elsewhere and counts for every version.
CREATE TEMP TABLE exposures AS
SELECT
    e.user_id,
    e.happened_at,
    e.group_name,
    e.forced,
    e.propensity,
    e.weights,
    g.group_name IS NOT NULL AS known_group,
    ($start::TIMESTAMP IS NULL OR e.happened_at >= $start::TIMESTAMP)
        AND ($end::TIMESTAMP IS NULL OR e.happened_at < $end::TIMESTAMP) AS in_window
FROM events AS e
LEFT JOIN groups AS g ON g.group_name = e.group_name
WHERE
    list_contains($exposure_types, e.event_type)
    AND e.experiment_name = $experiment
    AND (e.config_version IS NULL OR e.config_version = $config_version)
