-- Every line that may concern the experiment, at first as often as it arrived. Times are microseconds since 1970, UTC.
-- field_values holds the numbers that the metrics' fields have in the line's metadata, in the order of the pointers.
-- propensity, weights and segment_values are an exposure's: the probability of its group and of every group when the
-- unit was drawn, and what its context and metadata say of the unit.
CREATE TEMP TABLE events (
    event_id VARCHAR,
    event_type VARCHAR,
    user_id VARCHAR,
    happened_at BIGINT,
    received_at BIGINT,
    event_value DOUBLE,
    unusable_value BOOLEAN,
    experiment_name VARCHAR,
    group_name VARCHAR,
    config_version BIGINT,
    forced BOOLEAN,
    propensity DOUBLE,
    weights DOUBLE[],
    segment_values VARCHAR[],
    field_values DOUBLE[],
    arrivals BIGINT,
    tie_break UBIGINT
)
