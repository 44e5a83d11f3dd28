SELECT EXISTS (
    SELECT 1 FROM orders AS newer JOIN orders AS o ON o.deduction_id = newer.deduction_id
    WHERE o.order_id = ?1 AND newer.generation > o.generation)
