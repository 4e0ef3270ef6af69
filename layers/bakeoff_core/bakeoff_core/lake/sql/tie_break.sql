-- Orders arrivals of one id at one time by what they say, so that it does not matter which file they were read from.
CREATE OR REPLACE TEMP MACRO tie_break(
    event_type, user_id, experiment_name, group_name, config_version, event_value, metadata
) AS hash(
    event_type,
    user_id,
    experiment_name,
    group_name,
    TRY_CAST(config_version AS BIGINT),
    TRY_CAST(event_value AS DOUBLE),
    CAST(metadata AS VARCHAR)
)
