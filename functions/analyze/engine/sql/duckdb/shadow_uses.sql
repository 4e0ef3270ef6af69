-- How shadow models compare with the answers that they stood beside. Two numbers are compared where both made one:
-- the probability of the second of two classes, else the highest; without probabilities, the prediction.
WITH beside AS (
    SELECT
        group_name,
        model_name,
        model_version,
        shadow ->> '$.model_name' AS shadow_name,
        shadow ->> '$.model_version' AS shadow_version,
        json_exists(shadow, '$.error') AS failed,
        CAST(prediction AS VARCHAR) = CAST(json_extract(shadow, '$.prediction') AS VARCHAR) AS same,
        CASE json_array_length(probabilities)
            WHEN 0 THEN TRY_CAST(prediction AS DOUBLE)
            WHEN 2 THEN TRY_CAST(json_extract(probabilities, '$[1]') AS DOUBLE)
            ELSE list_max(TRY_CAST(probabilities AS DOUBLE[]))
        END AS answered,
        CASE json_array_length(shadow, '$.probabilities')
            WHEN 0 THEN TRY_CAST(json_extract(shadow, '$.prediction') AS DOUBLE)
            WHEN 2 THEN TRY_CAST(json_extract(shadow, '$.probabilities[1]') AS DOUBLE)
            ELSE list_max(TRY_CAST(json_extract(shadow, '$.probabilities') AS DOUBLE[]))
        END AS shadowed,
        TRY_CAST(shadow ->> '$.latency_ms' AS DOUBLE) AS latency_ms
    FROM predictions
    WHERE shadow IS NOT NULL
)
SELECT
    group_name,
    model_name,
    model_version,
    shadow_name,
    shadow_version,
    count(*) FILTER (WHERE NOT failed),
    count(*) FILTER (WHERE failed),
    count(*) FILTER (WHERE same AND NOT failed),
    avg(abs(answered - shadowed)) FILTER (WHERE NOT failed),
    quantile_cont(latency_ms, [0.5, 0.95, 0.99]) FILTER (WHERE NOT failed)
FROM beside
GROUP BY ALL
ORDER BY ALL
