SELECT created_at_ms FROM meta
