WITH forced_units AS (SELECT DISTINCT user_id FROM exposures WHERE known_group AND in_window AND forced)

SELECT
    (
        SELECT count(*) FROM events AS e
        JOIN units AS u ON u.user_id = e.user_id AND e.happened_at < u.first_exposure
        WHERE u.group_name IS NOT NULL AND e.event_type NOT IN (SELECT event_type FROM own_types)
    ) AS events_before_exposure,
    (
        SELECT count(*) FROM events AS e
        ANTI JOIN units AS u ON u.user_id = e.user_id
        ANTI JOIN forced_units AS f ON f.user_id = e.user_id
        WHERE e.experiment_name = $experiment AND e.event_type NOT IN (SELECT event_type FROM own_types)
    ) AS events_of_unexposed_users,
    (SELECT count(*) FROM exposures WHERE NOT known_group) AS unknown_group_exposures,
    (SELECT count(*) FROM exposures WHERE known_group AND NOT in_window) AS exposures_outside_window,
    (SELECT count(*) FROM forced_units) AS forced_units,
    (SELECT count(*) FROM events WHERE unusable_value) AS unusable_values
