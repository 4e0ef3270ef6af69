-- Predictions of one experiment, each once. Times are in UTC; features, prediction and probabilities as they were
-- recorded; so is what a shadow model made beside them.
CREATE OR REPLACE TABLE predictions (
    event_id VARCHAR,
    received_at BIGINT,
    happened_at BIGINT,
    group_name VARCHAR,
    model_name VARCHAR,
    model_version VARCHAR,
    fallback BOOLEAN,
    latency_ms DOUBLE,
    features JSON,
    prediction JSON,
    probabilities JSON,
    shadow JSON
)
