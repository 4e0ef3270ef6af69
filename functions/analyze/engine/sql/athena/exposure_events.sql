-- The exposures among the events.
SELECT e.*
FROM events AS e
JOIN own_types AS o ON o.event_type = e.event_type AND o.is_exposure
