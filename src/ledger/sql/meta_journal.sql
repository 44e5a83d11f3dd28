-- Whose ledger it is, how far its journal has come, who stopped all sending, and whether it ever came back from a backup.
SELECT caller, environment, created_at_ms, journal_entries, frozen_by,
    EXISTS (SELECT 1 FROM decision WHERE kind = 'RESTORED' AND order_id IS NULL)
FROM meta
