-- The repeated arrivals that compaction found and left out.
SELECT CAST(coalesce(sum(arrivals - 1), 0) AS BIGINT) FROM arrived
