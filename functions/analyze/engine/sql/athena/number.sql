CASE
    WHEN
        regexp_like(json_format(json_extract(a.metadata, {path})), '^-?[0-9]')
        AND abs(TRY_CAST(json_extract_scalar(a.metadata, {path}) AS DOUBLE)) <= 1e50
        THEN TRY_CAST(json_extract_scalar(a.metadata, {path}) AS DOUBLE)
END
