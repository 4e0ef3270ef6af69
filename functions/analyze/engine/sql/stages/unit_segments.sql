-- The segments of every unit. The values with the most units keep their names; all further ones are one.
WITH valued AS (
    SELECT u.user_id, s.segment_index, u.segment_values[s.segment_index] AS segment_value
    FROM units AS u
    CROSS JOIN segments AS s
    WHERE u.group_name IS NOT NULL
),

ranked AS (
    SELECT
        segment_index,
        segment_value,
        row_number() OVER (PARTITION BY segment_index ORDER BY count(*) DESC, segment_value) AS place
    FROM valued
    WHERE segment_value IS NOT NULL
    GROUP BY segment_index, segment_value
)

SELECT
    v.user_id,
    v.segment_index,
    CASE
        WHEN v.segment_value IS NULL THEN s.no_value
        WHEN r.place <= s.most_values THEN v.segment_value
        ELSE s.other_values
    END AS segment_value
FROM valued AS v
CROSS JOIN settings AS s
LEFT JOIN ranked AS r ON r.segment_index = v.segment_index AND r.segment_value = v.segment_value
