-- Every line of the hour, at first as often as it arrived.
CREATE TABLE arrivals (
    schema_version INTEGER,
    event_id VARCHAR,
    event_type VARCHAR,
    user_id VARCHAR,
    "timestamp" TIMESTAMPTZ,
    received_at TIMESTAMPTZ,
    event_value DOUBLE,
    experiment_name VARCHAR,
    group_name VARCHAR,
    config_version BIGINT,
    propensity DOUBLE,
    model_name VARCHAR,
    model_version VARCHAR,
    metadata VARCHAR,
    arrivals BIGINT
)
