-- The same per value of a segment.
SELECT
    v.group_name,
    v.position,
    s.segment_index,
    s.segment_value,
    count(*) AS n,
    sum(v.y) AS total_y,
    var_pop(v.y) * count(*) AS m2_y,
    sum(v.x) AS total_x,
    var_pop(v.x) * count(*) AS m2_x,
    covar_pop(v.y, v.x) * count(*) AS comoment
FROM cut_values AS v
JOIN unit_segments AS s ON s.user_id = v.user_id
GROUP BY v.group_name, v.position, s.segment_index, s.segment_value
