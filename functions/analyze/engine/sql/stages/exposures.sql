-- That a unit met a group of the experiment. An exposure without a configuration version was decided elsewhere and
-- counts for every version.
SELECT
    e.user_id,
    e.happened_at,
    e.group_name,
    e.forced,
    e.propensity,
    e.weights,
    e.segment_values,
    g.group_name IS NOT NULL AS known_group,
    (s.starts_at IS NULL OR e.happened_at >= s.starts_at)
    AND (s.ends_at IS NULL OR e.happened_at < s.ends_at) AS in_window
FROM exposure_events AS e
CROSS JOIN settings AS s
LEFT JOIN groups AS g ON g.group_name = e.group_name
WHERE
    e.user_id IS NOT NULL
    AND e.experiment_name = s.experiment_name
    AND (e.config_version IS NULL OR e.config_version = s.config_version)
