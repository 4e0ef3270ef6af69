COPY (
    SELECT a.* EXCLUDE (arrivals)
    FROM arrivals AS a
    ANTI JOIN (SELECT line FROM repeated WHERE place > 1) AS r ON r.line = a.rowid
    ORDER BY a."timestamp", a.event_id
) TO {target} (FORMAT parquet, COMPRESSION zstd)
