-- What units contributed to each amount, when, and on which of their own days since first exposure: one row for each
-- event that counts. `counts` says whether it is part of the metric: within its hours, of a unit whose hours are over.
-- `age` is how long after first exposure a unit's own day began, where that day is over and the metric is looked at by
-- it. An amount that names a field and no event type reads what units did, so exposures and predictions are no part of
-- it; nor are they of one that names neither.
WITH named AS (
    SELECT a.position, a.part, e.user_id, e.happened_at, e.event_type, e.event_value, e.field_values
    FROM events AS e
    JOIN amounts AS a ON a.event_type = e.event_type
    UNION ALL
    SELECT a.position, a.part, e.user_id, e.happened_at, e.event_type, e.event_value, e.field_values
    FROM events AS e
    LEFT JOIN own_types AS o ON o.event_type = e.event_type
    CROSS JOIN amounts AS a
    WHERE a.event_type IS NULL AND o.event_type IS NULL
),

counted AS (
    SELECT
        a.position,
        a.part,
        a.once,
        u.group_name,
        e.user_id,
        e.happened_at,
        e.happened_at >= u.first_exposure + a.starts_after
        AND (a.ends_after IS NULL OR e.happened_at < u.first_exposure + a.ends_after)
        AND (a.over_after IS NULL OR u.first_exposure + a.over_after <= s.as_of) AS counts,
        CASE
            WHEN
                a.by_age
                AND e.happened_at >= u.first_exposure
                AND e.happened_at < u.first_exposure + s.ages * 86400000000
                AND e.happened_at - mod(e.happened_at - u.first_exposure, 86400000000) + 86400000000 <= s.as_of
                THEN e.happened_at - u.first_exposure - mod(e.happened_at - u.first_exposure, 86400000000)
        END AS age,
        CASE
            WHEN a.once OR a.aggregate <> 'sum' THEN 1e0
            WHEN a.field_index IS NULL THEN e.event_value
            WHEN a.event_type IS NULL AND e.event_type = a.field
                THEN coalesce(e.event_value, e.field_values[a.field_index])
            ELSE e.field_values[a.field_index]
        END AS value
    FROM named AS e
    JOIN amounts AS a ON a.position = e.position AND a.part = e.part
    JOIN units AS u ON u.user_id = e.user_id
    CROSS JOIN settings AS s
    WHERE u.group_name IS NOT NULL AND e.happened_at >= u.first_exposure + s.looks_from
)

SELECT position, part, once, group_name, user_id, happened_at, counts, age, value
FROM counted
WHERE value IS NOT NULL AND (counts OR age IS NOT NULL)
