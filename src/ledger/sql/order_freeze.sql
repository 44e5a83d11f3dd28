UPDATE orders SET state = ?3,
    frozen_by_ordinal = CASE WHEN frozen_by_batch IS NULL THEN ?5 ELSE frozen_by_ordinal END,
    frozen_by_batch = COALESCE(frozen_by_batch, ?4)
WHERE order_id = ?1 AND state = ?2
