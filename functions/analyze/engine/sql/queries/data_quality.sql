WITH forced_units AS (
    SELECT DISTINCT user_id FROM exposures WHERE known_group AND in_window AND forced
),

exposure_counts AS (
    SELECT
        count(*) FILTER (WHERE NOT known_group) AS unknown_group_exposures,
        count(*) FILTER (WHERE known_group AND NOT in_window) AS exposures_outside_window
    FROM exposures
),

event_counts AS (
    SELECT
        count(*) FILTER (
            WHERE u.group_name IS NOT NULL AND o.event_type IS NULL AND e.happened_at < u.first_exposure
        ) AS events_before_exposure,
        count(*) FILTER (
            WHERE u.user_id IS NULL AND f.user_id IS NULL AND o.event_type IS NULL
            AND e.experiment_name = s.experiment_name
        ) AS events_of_unexposed_users,
        count(*) FILTER (WHERE e.unusable_value) AS unusable_values,
        count(*) FILTER (
            WHERE (u.user_id IS NOT NULL OR e.experiment_name = s.experiment_name)
            AND e.received_at > e.happened_at + s.late_after
        ) AS late_events
    FROM events AS e
    CROSS JOIN settings AS s
    LEFT JOIN units AS u ON u.user_id = e.user_id
    LEFT JOIN forced_units AS f ON f.user_id = e.user_id
    LEFT JOIN own_types AS o ON o.event_type = e.event_type
)

SELECT
    e.events_before_exposure,
    e.events_of_unexposed_users,
    x.unknown_group_exposures,
    x.exposures_outside_window,
    (SELECT count(*) FROM forced_units) AS forced_units,
    e.unusable_values,
    e.late_events
FROM event_counts AS e
CROSS JOIN exposure_counts AS x
