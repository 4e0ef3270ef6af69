-- The files with a line that Parquet's types could not hold, which is then no event as delivery writes them.
SELECT filename
FROM lines
GROUP BY filename
HAVING NOT bool_and(
    event_id IS NOT NULL
    AND event_type IS NOT NULL
    AND coalesce(
        timezone('UTC', "timestamp")
        BETWEEN TIMESTAMP '0001-01-01' AND TIMESTAMP '9999-12-31 23:59:59.999999',
        false
    )
    AND received_at IS NOT NULL
    AND schema_version IS NOT NULL
    AND (event_value IS NULL OR isfinite(TRY_CAST(event_value AS DOUBLE)) IS TRUE)
    AND (config_version IS NULL OR TRY_CAST(config_version AS BIGINT) IS NOT NULL)
    AND (propensity IS NULL OR TRY_CAST(propensity AS DOUBLE) IS NOT NULL)
)
