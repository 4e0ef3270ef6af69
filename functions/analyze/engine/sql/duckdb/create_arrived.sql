-- Every line that may concern the experiment, at first as often as it arrived, as narrow as can be. Times are
-- microseconds since 1970, UTC; that of a line that is no event is NULL. An event's id is two hashes, each of 64 bits.
-- event_type is the place of the type among those that matter, NULL for all others. is_own tells a line that names the
-- experiment from one that names none. field_values holds the numbers that the metrics' fields have in the line's
-- metadata, in the order of the pointers. exposure holds what only exposures say, their metadata as they came.
CREATE OR REPLACE TABLE arrived (
    event_id_hash UBIGINT,
    event_id_hash_backwards UBIGINT,
    event_type USMALLINT,
    user_id VARCHAR,
    happened_at BIGINT,
    received_at BIGINT,
    event_value DOUBLE,
    unusable_value BOOLEAN,
    is_own BOOLEAN,
    exposure STRUCT(group_name VARCHAR, config_version BIGINT, propensity DOUBLE, details VARCHAR)[],
    field_values DOUBLE[],
    arrivals UINTEGER,
    tie_break UBIGINT
)
