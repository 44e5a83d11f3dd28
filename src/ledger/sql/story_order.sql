SELECT generation, created_at_ms, settled_at_ms, attempts, deduction_id, held_by, frozen_by_batch,
    frozen_by_ordinal
FROM orders WHERE order_id = ?1
