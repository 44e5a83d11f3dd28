SELECT COUNT(*), COALESCE(MAX(ordinal), 0), COUNT(own_no) FROM temp.staged
