-- A moved ledger is as old as it was, and its journal as long.
UPDATE meta SET created_at_ms = ?1, latest_signed_at_ms = ?2, journal_entries = ?3, frozen_by = ?4
