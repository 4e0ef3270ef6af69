-- The lines of NDJSON objects. All columns are read as text, so that a field of the wrong type costs its value and
-- not its line; a line that is no JSON object becomes a row of NULLs. Times with a zone.
CREATE OR REPLACE TEMP VIEW lines AS
SELECT
    TRY_CAST(schema_version AS INTEGER) AS schema_version,
    event_id,
    event_type,
    user_id,
    TRY_CAST("timestamp" AS TIMESTAMPTZ) AS "timestamp",
    TRY_CAST(received_at AS TIMESTAMPTZ) AS received_at,
    event_value,
    experiment_name,
    group_name,
    config_version,
    propensity,
    model_name,
    model_version,
    metadata,
    1 AS arrivals,
    filename
FROM read_json(
    {files},
    format = 'newline_delimited',
    ignore_errors = true,
    filename = true,
    columns = {{
        schema_version: 'VARCHAR',
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
        model_name: 'VARCHAR',
        model_version: 'VARCHAR',
        metadata: 'JSON'
    }}
)
