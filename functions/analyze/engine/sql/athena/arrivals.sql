-- Every line that may concern the experiment, as often as it arrived. A compacted hour's delivered objects stay for a
-- while beside its Parquet object, so a line may come from both. Parquet keeps times to the microsecond, of which
-- Athena reads milliseconds.
SELECT
    event_id,
    event_type,
    user_id,
    CAST(round(to_unixtime(TRY(from_iso8601_timestamp_nanos("timestamp"))) * 1e6) AS BIGINT) AS happened_at,
    CAST(round(to_unixtime(TRY(from_iso8601_timestamp_nanos(received_at))) * 1e6) AS BIGINT) AS received_at,
    event_value,
    experiment_name,
    group_name,
    config_version,
    propensity,
    metadata,
    0 AS compacted,
    1 AS arrivals
FROM delivered_events
WHERE dt >= {first_day} AND (experiment_name IS NULL OR experiment_name = {experiment})
UNION ALL
SELECT
    event_id,
    event_type,
    user_id,
    CAST(round(to_unixtime(with_timezone("timestamp", 'UTC')) * 1e6) AS BIGINT) AS happened_at,
    CAST(round(to_unixtime(with_timezone(received_at, 'UTC')) * 1e6) AS BIGINT) AS received_at,
    event_value,
    experiment_name,
    group_name,
    config_version,
    propensity,
    metadata,
    1 AS compacted,
    arrivals
FROM compacted_events
WHERE dt >= {first_day} AND (experiment_name IS NULL OR experiment_name = {experiment})
