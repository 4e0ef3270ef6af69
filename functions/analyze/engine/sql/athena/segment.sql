coalesce(
    CASE
        WHEN NOT regexp_like(json_format(json_extract(a.metadata, {context_path})), '^[\[{{]')
            THEN json_extract_scalar(a.metadata, {context_path})
    END,
    CASE
        WHEN NOT regexp_like(json_format(json_extract(a.metadata, {path})), '^[\[{{]')
            THEN json_extract_scalar(a.metadata, {path})
    END
)
