SELECT 1 FROM decision WHERE kind = 'RESTORED' AND order_id IS NULL AND since_ms = ?1
