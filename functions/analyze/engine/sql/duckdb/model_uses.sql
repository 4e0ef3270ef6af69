SELECT
    group_name,
    model_name,
    model_version,
    count(*),
    count(*) FILTER (WHERE fallback),
    quantile_cont(latency_ms, [0.5, 0.95, 0.99]),
    min(happened_at),
    max(happened_at)
FROM predictions
GROUP BY ALL
ORDER BY ALL
