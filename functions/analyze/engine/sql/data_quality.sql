-- In the order of the fields of DataQuality.
SELECT
    (
        SELECT count(*) FROM arrivals
        WHERE event_id IS NOT NULL AND event_type IS NOT NULL AND happened_at IS NOT NULL AND user_id IS NOT NULL
    ) - (SELECT count(*) FROM events),
    (
        SELECT count(*) FROM events AS e
        JOIN units AS u ON u.user_id = e.user_id AND e.happened_at < u.first_exposure
        WHERE u.group_name IS NOT NULL AND e.event_type NOT IN (SELECT event_type FROM own_types)
    ),
    (
        SELECT count(*) FROM events AS e
        ANTI JOIN units AS u ON u.user_id = e.user_id
        WHERE e.experiment_name = $experiment AND e.event_type NOT IN (SELECT event_type FROM own_types)
    ),
    (SELECT count(*) FROM exposures WHERE NOT known_group),
    (SELECT count(*) FROM exposures WHERE known_group AND NOT in_window),
    (SELECT count(*) FROM events WHERE unusable_value),
    (SELECT count(*) FROM arrivals WHERE event_id IS NULL OR event_type IS NULL OR happened_at IS NULL)
