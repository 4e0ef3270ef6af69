SELECT
    group_name,
    model_name,
    model_version,
    CAST(make_timestamp(happened_at) AS DATE) AS day,
    count(*),
    count(*) FILTER (WHERE fallback),
    quantile_cont(latency_ms, [0.5, 0.95])
FROM predictions
GROUP BY ALL
ORDER BY ALL
