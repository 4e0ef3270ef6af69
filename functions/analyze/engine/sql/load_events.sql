-- All columns are read as text and cast one by one, so that a field of the wrong type costs its value and
-- not its line. A line that is no JSON object becomes a row of NULLs. Values beyond 1e50
-- would overflow once squared.
INSERT INTO events
SELECT
    event_id,
    event_type,
    user_id,
    timezone('UTC', TRY_CAST("timestamp" AS TIMESTAMPTZ)),
    timezone('UTC', TRY_CAST(received_at AS TIMESTAMPTZ)),
    CASE WHEN abs(TRY_CAST(event_value AS DOUBLE)) <= 1e50 THEN TRY_CAST(event_value AS DOUBLE) END AS usable_value,
    event_value IS NOT NULL AND usable_value IS NULL,
    experiment_name,
    group_name,
    TRY_CAST(config_version AS BIGINT),
    coalesce(json_extract_string(metadata, '$.reason') = 'forced', false),
    CASE WHEN TRY_CAST(propensity AS DOUBLE) > 0 AND TRY_CAST(propensity AS DOUBLE) <= 1 THEN CAST(propensity AS DOUBLE) END,
    json_extract(metadata, '$.weights'),
    list_transform(
        json_extract(metadata, $pointers),
        lambda v: CASE
            WHEN json_type(v) IN ('BIGINT', 'UBIGINT', 'DOUBLE') AND abs(CAST(v AS DOUBLE)) <= 1e50
            THEN CAST(v AS DOUBLE)
        END
    )
FROM read_json(
    $files,
    format = 'newline_delimited',
    ignore_errors = true,
    columns = {
        event_id: 'VARCHAR',
        event_type: 'VARCHAR',
        user_id: 'VARCHAR',
        "timestamp": 'VARCHAR',
        received_at: 'VARCHAR',
        event_value: 'VARCHAR',
        experiment_name: 'VARCHAR',
        group_name: 'VARCHAR',
        config_version: 'VARCHAR',
        propensity: 'VARCHAR',
        metadata: 'JSON'
    }
)
WHERE experiment_name IS NULL OR experiment_name = $experiment
