COPY (
    SELECT a.* REPLACE (CAST(coalesce(r.together, a.arrivals) AS BIGINT) AS arrivals)
    FROM arrivals AS a
    LEFT JOIN repeated AS r ON r.line = a.rowid
    WHERE coalesce(r.place, 1) = 1
    ORDER BY a.user_id, a."timestamp", a.event_id, a.experiment_name
) TO {target} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 65536, KV_METADATA {{bakeoff: {coverage}}})
