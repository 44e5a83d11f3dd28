SELECT returned FROM temp.staged WHERE ordinal = ?1
