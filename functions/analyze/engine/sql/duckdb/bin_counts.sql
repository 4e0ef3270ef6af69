-- How often each value of one model version's predictions fell into each bin, per group and day. A value is a
-- feature by name, or by position where features came as an array; a missing one is its default. After the features
-- come the prediction and the probability: that of the second of two classes, else the highest. A number's bin is
-- how many cuts lie below it; a text's is its place among the texts, or after the last of them.
WITH given AS (
    SELECT
        group_name,
        CAST(make_timestamp(happened_at) AS DATE) AS day,
        list_concat(
            CASE json_type(features)
                WHEN 'OBJECT' THEN json_extract(features, $pointers::VARCHAR[])
                WHEN 'ARRAY' THEN json_extract(features, $positions::VARCHAR[])
                ELSE list_transform($pointers::VARCHAR[], lambda p: NULL::JSON)
            END,
            [
                prediction,
                CASE json_array_length(probabilities)
                    WHEN 0 THEN NULL
                    WHEN 2 THEN json_extract(probabilities, '$[1]')
                    ELSE to_json(list_max(TRY_CAST(probabilities AS DOUBLE[])))
                END
            ]
        ) AS found
    FROM predictions
    WHERE model_name = $model_name AND model_version = $model_version
),
single AS (
    SELECT group_name, day, unnest(range(len(found))) AS place, unnest(found) AS value
    FROM given
),
completed AS (
    SELECT
        s.group_name,
        s.day,
        s.place,
        b.cuts,
        b.texts,
        CASE WHEN s.value IS NULL OR json_type(s.value) = 'NULL' THEN b.default_value ELSE s.value ->> '$' END AS value
    FROM single AS s
    JOIN bins AS b ON b.place = s.place
),
binned AS (
    SELECT
        group_name,
        day,
        place,
        CASE
            WHEN cuts IS NULL THEN coalesce(list_position(texts, value), len(texts) + 1) - 1
            ELSE len(list_filter(cuts, lambda c: c < TRY_CAST(value AS DOUBLE)))
        END AS bin
    FROM completed
    WHERE value IS NOT NULL AND (cuts IS NULL OR TRY_CAST(value AS DOUBLE) IS NOT NULL)
)
SELECT group_name, day, place, bin, count(*)
FROM binned
GROUP BY ALL
ORDER BY ALL
