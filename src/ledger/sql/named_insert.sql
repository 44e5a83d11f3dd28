-- A deduction is meant by a row; the first one stays.
INSERT INTO temp.named (deduction_id, order_id, first_ordinal) VALUES (?1, ?2, ?3)
ON CONFLICT (deduction_id) DO UPDATE SET order_id = order_id
RETURNING order_id, first_ordinal
