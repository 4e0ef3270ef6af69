TRY_CAST(json_extract_scalar(a.metadata, {path}) AS DOUBLE)
