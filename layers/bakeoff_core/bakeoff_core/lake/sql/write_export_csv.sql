COPY (
    SELECT
        schema_version,
        event_id,
        event_type,
        user_id,
        strftime(timezone('UTC', "timestamp"), '%Y-%m-%dT%H:%M:%S.%fZ') AS "timestamp",
        strftime(timezone('UTC', received_at), '%Y-%m-%dT%H:%M:%S.%fZ') AS received_at,
        event_value,
        experiment_name,
        group_name,
        config_version,
        propensity,
        model_name,
        model_version,
        metadata
    FROM arrivals AS a
    ANTI JOIN (SELECT line FROM repeated WHERE place > 1) AS r ON r.line = a.rowid
    ORDER BY a."timestamp", a.event_id
) TO {target} (FORMAT csv, HEADER)
