-- Each event once, as it arrived first, with the numbers and texts that the experiment reads in its metadata. Values
-- beyond 1e50 would overflow once squared.
SELECT
    a.event_id,
    a.event_type,
    a.user_id,
    a.happened_at,
    a.received_at,
    CASE WHEN abs(a.event_value) <= 1e50 THEN a.event_value END AS event_value,
    a.event_value IS NOT NULL AND NOT coalesce(abs(a.event_value) <= 1e50, FALSE) AS unusable_value,
    a.experiment_name,
    a.group_name,
    a.config_version,
    coalesce(json_extract_scalar(a.metadata, '$.reason') = 'forced', FALSE) AS forced,
    CASE WHEN a.propensity > 0 AND a.propensity <= 1 THEN a.propensity END AS propensity,
    CASE
        WHEN json_format(json_extract(a.metadata, '$.weights')) LIKE '{{%' THEN {weights}
    END AS weights,
    CASE WHEN o.is_exposure THEN {segment_values} END AS segment_values,
    {field_values} AS field_values
FROM (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY event_id ORDER BY received_at, happened_at, compacted DESC, event_type, user_id, group_name
        ) AS arrival
    FROM arrivals
    WHERE
        event_id IS NOT NULL
        AND event_type IS NOT NULL
        AND happened_at BETWEEN -62135596800000000 AND 253402300799999999
) AS a
CROSS JOIN settings AS s
LEFT JOIN own_types AS o ON o.event_type = a.event_type
WHERE a.arrival = 1 AND a.happened_at < s.as_of
