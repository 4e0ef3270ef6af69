COPY (
    SELECT *
    FROM read_parquet({source})
    WHERE user_id IS DISTINCT FROM {user}
) TO {target} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 65536, KV_METADATA {{bakeoff: {coverage}}})
