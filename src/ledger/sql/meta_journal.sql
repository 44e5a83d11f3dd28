SELECT caller, environment, created_at_ms, journal_entries, frozen_by FROM meta
