-- Totals, sums of squares about the means and the comoment, per group and metric: of all units, where cohort is NULL,
-- and of the units that were first exposed on one day.
SELECT
    group_name,
    position,
    cohort,
    count(*) AS n,
    sum(y) AS total_y,
    var_pop(y) * count(*) AS m2_y,
    sum(x) AS total_x,
    var_pop(x) * count(*) AS m2_x,
    covar_pop(y, x) * count(*) AS comoment,
    sum(uncut) AS total_uncut,
    var_pop(uncut) * count(*) AS m2_uncut
FROM cut_values
GROUP BY GROUPING SETS ((group_name, position), (group_name, position, cohort))
