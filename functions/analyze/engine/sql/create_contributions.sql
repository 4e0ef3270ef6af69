-- What each unit contributed to each metric on each day, from its first exposure on. A metric that names a
-- field and no event type reads what units did, so exposures and predictions are no part of it.
CREATE TEMP TABLE contributions AS
WITH counted AS (
    SELECT
        m.position,
        m.kind,
        u.group_name,
        u.user_id,
        CAST(e.happened_at AS DATE) AS day,
        CASE
            WHEN m.kind = 'conversion' THEN CASE WHEN e.event_type = m.event_type THEN 1.0 END
            WHEN m.field_index IS NULL THEN CASE WHEN e.event_type = m.event_type THEN e.event_value END
            WHEN m.event_type IS NOT NULL THEN CASE WHEN e.event_type = m.event_type THEN e.field_values[m.field_index] END
            WHEN e.event_type IN (SELECT event_type FROM own_types) THEN NULL
            WHEN e.event_type = m.field THEN coalesce(e.event_value, e.field_values[m.field_index])
            ELSE e.field_values[m.field_index]
        END AS value
    FROM events AS e
    JOIN units AS u ON u.user_id = e.user_id AND e.happened_at >= u.first_exposure
    CROSS JOIN metrics AS m
    WHERE u.group_name IS NOT NULL
)
SELECT
    position,
    group_name,
    user_id,
    day,
    CASE kind WHEN 'conversion' THEN 1.0 ELSE sum(value) END AS value
FROM counted
WHERE value IS NOT NULL
GROUP BY position, kind, group_name, user_id, day
