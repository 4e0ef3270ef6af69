-- Every line that may concern the experiment, at first as often as it arrived, as narrow as can be. Times are
-- microseconds since 1970, UTC; that of a line that is no event is NULL. Of an event's id and a unit's there is a hash of
-- 64 bits. event_type is NULL for all types but those that matter. is_own tells a line that names the experiment from
-- one that names none. field_values holds the numbers that the metrics' fields have in the line's metadata, in the order
-- of the pointers. exposure holds what only exposures say, and no other line has any; its group_name is NULL where the
-- experiment has no such group. Where the table lies in a file, DuckDB would try every compression on each column,
-- which costs more than it saves: hashes do not compress, and flags are small.
CREATE OR REPLACE TABLE arrived (
    event_id UBIGINT USING COMPRESSION uncompressed,
    event_type EVENT_TYPE USING COMPRESSION uncompressed,
    user_id UBIGINT USING COMPRESSION uncompressed,
    happened_at BIGINT USING COMPRESSION bitpacking,
    received_at BIGINT USING COMPRESSION bitpacking,
    event_value DOUBLE USING COMPRESSION uncompressed,
    unusable_value BOOLEAN USING COMPRESSION uncompressed,
    is_own BOOLEAN USING COMPRESSION uncompressed,
    exposure STRUCT(
        group_name GROUP_NAME,
        config_version BIGINT,
        forced BOOLEAN,
        propensity DOUBLE,
        weights DOUBLE[],
        segment_values VARCHAR[]
    )[],
    field_values DOUBLE[],
    arrivals UINTEGER USING COMPRESSION uncompressed,
    tie_break UBIGINT USING COMPRESSION uncompressed
)
