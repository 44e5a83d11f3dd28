-- All that a ledger says of itself.
SELECT caller, environment, created_at_ms, latest_signed_at_ms, journal_entries, frozen_by FROM meta
