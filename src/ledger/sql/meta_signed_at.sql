UPDATE meta SET latest_signed_at_ms = ?1
WHERE latest_signed_at_ms IS NULL OR latest_signed_at_ms < ?1
