-- A line that is no event, or whose time lies outside the years 1 to 9999.
DELETE FROM arrived
WHERE
    happened_at IS NULL
    OR happened_at NOT BETWEEN -62135596800000000 AND 253402300799999999
