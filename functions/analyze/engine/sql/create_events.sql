-- Every line that may concern the experiment, at first as often as it arrived. Times are UTC. field_values holds
-- the numbers that the metrics' fields have in the line's metadata, in the order of the pointers. propensity and
-- weights are an exposure's: the probability of its group, and of every group, when the unit was drawn.
CREATE TEMP TABLE events (
    event_id VARCHAR,
    event_type VARCHAR,
    user_id VARCHAR,
    happened_at TIMESTAMP,
    received_at TIMESTAMP,
    event_value DOUBLE,
    unusable_value BOOLEAN,
    experiment_name VARCHAR,
    group_name VARCHAR,
    config_version BIGINT,
    forced BOOLEAN,
    propensity DOUBLE,
    weights JSON,
    field_values DOUBLE[],
    arrivals BIGINT,
    tie_break UBIGINT
)
