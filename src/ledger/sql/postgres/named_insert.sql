-- A deduction is meant by a row; the first one stays.
INSERT INTO named (stager, deduction_id, order_id, first_ordinal) VALUES (:stager, ?1, ?2, ?3)
ON CONFLICT (stager, deduction_id) DO UPDATE SET order_id = named.order_id
RETURNING order_id, first_ordinal
