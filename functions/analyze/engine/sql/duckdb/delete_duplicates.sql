-- Of each event id its first arrival stays. Looked at are only ids whose hashes occur more than once.
DELETE FROM arrived
WHERE rowid IN (
    SELECT a.rowid
    FROM arrived AS a
    SEMI JOIN repeated_hashes AS r ON r.hashed = a.event_id_hash
    QUALIFY
        row_number() OVER (
            PARTITION BY a.event_id_hash, a.event_id_hash_backwards
            ORDER BY a.received_at, a.happened_at, a.tie_break, a.rowid
        ) > 1
)
