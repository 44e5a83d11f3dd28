UPDATE meta SET latest_signed_at_ms =
    CASE WHEN latest_signed_at_ms > ?1 THEN latest_signed_at_ms ELSE ?1 END
