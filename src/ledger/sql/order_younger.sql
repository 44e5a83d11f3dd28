-- An order of a younger deduction that came in with another file, for the same merchant, account, type and
-- amount, whatever its reason: perhaps a refused order's own row, mended and given afresh. Any that was or
-- may yet be deducted; not one that stands refused and has been replaced, nor what replaced an older row,
-- or one of the same file.
SELECT other.order_id
FROM orders AS own
CROSS JOIN orders AS other ON substr(other.account, -8) = substr(own.account, -8)
    AND other.amount_fen = own.amount_fen
WHERE own.order_id = ?1 AND other.order_id > own.order_id AND other.deduction_id > own.deduction_id
    AND other.batch_id <> own.batch_id
    AND other.account = own.account AND other.merchant = own.merchant AND other.reduction_type = own.reduction_type
    AND other.state NOT IN ('FAILED', 'CLOSED_PROVEN', 'CANCELLED') AND other.state <> 'CONFLICT'
    AND NOT (other.state = 'REJECTED' AND other.maybe_accepted = 0 AND EXISTS (
        SELECT 1 FROM deduction
        WHERE deduction.deduction_id = other.deduction_id AND superseded_by IS NOT NULL))
    AND NOT EXISTS (
        WITH RECURSIVE replaced (deduction_id) AS (
            SELECT deduction_id FROM deduction WHERE superseded_by = other.deduction_id
            UNION
            SELECT deduction.deduction_id FROM replaced
            CROSS JOIN deduction ON deduction.superseded_by = replaced.deduction_id)
        SELECT 1 FROM replaced
        CROSS JOIN orders AS first ON first.deduction_id = replaced.deduction_id AND first.generation = 1
        WHERE first.deduction_id <= own.deduction_id OR first.batch_id = own.batch_id)
ORDER BY other.order_id LIMIT 1
