-- Another tool has used the order's number, whatever else may have sent it.
SELECT 1 FROM decision
WHERE order_id = ?1 AND kind IN ('IMPORT', 'IMPORT_SUCCESS', 'IMPORT_FAILED')
