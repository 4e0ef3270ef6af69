-- Every line that may concern the experiment, at first as often as it arrived. Times are microseconds since 1970, UTC.
-- field_values holds the numbers that the metrics' fields have in the line's metadata, in the order of the pointers.
-- details are an exposure's metadata as they came: what is read in them is read of few lines.
CREATE OR REPLACE TEMP TABLE arrived (
    event_id VARCHAR,
    event_id_hash UBIGINT,
    event_type VARCHAR,
    user_id VARCHAR,
    happened_at BIGINT,
    received_at BIGINT,
    event_value DOUBLE,
    unusable_value BOOLEAN,
    experiment_name VARCHAR,
    group_name VARCHAR,
    config_version BIGINT,
    propensity DOUBLE,
    details VARCHAR,
    field_values DOUBLE[],
    arrivals BIGINT,
    tie_break UBIGINT
)
