-- Repeated arrivals, and lines that are no events. How often an event arrived is what its Parquet object says, or the
-- delivered lines where these are more: both may hold the same arrivals.
SELECT
    CAST(coalesce(sum(greatest(delivered, compacted) - 1), 0) AS BIGINT) AS duplicate_events,
    (
        SELECT count(*) FROM arrivals
        WHERE
            event_id IS NULL
            OR event_type IS NULL
            OR happened_at IS NULL
            OR happened_at NOT BETWEEN -62135596800000000 AND 253402300799999999
    ) AS unreadable_lines
FROM (
    SELECT
        event_id,
        sum(CASE WHEN compacted = 0 THEN arrivals ELSE 0 END) AS delivered,
        sum(CASE WHEN compacted = 1 THEN arrivals ELSE 0 END) AS compacted
    FROM arrivals
    WHERE
        event_id IS NOT NULL
        AND event_type IS NOT NULL
        AND happened_at BETWEEN -62135596800000000 AND 253402300799999999
    GROUP BY event_id
) AS ids
