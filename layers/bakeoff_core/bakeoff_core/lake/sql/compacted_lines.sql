-- The rows of Parquet objects, in the columns of delivered lines.
CREATE OR REPLACE TEMP VIEW lines AS
SELECT
    schema_version,
    event_id,
    event_type,
    user_id,
    "timestamp",
    received_at,
    event_value,
    experiment_name,
    group_name,
    config_version,
    propensity,
    model_name,
    model_version,
    metadata,
    arrivals,
    filename
FROM read_parquet({files}, filename = true)
