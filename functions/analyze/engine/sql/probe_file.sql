-- Reads one file from end to end.
SELECT count(event_id)
FROM read_json(
    $file,
    format = 'newline_delimited',
    ignore_errors = true,
    columns = {event_id: 'VARCHAR'}
)
