SELECT latest_signed_at_ms FROM meta
