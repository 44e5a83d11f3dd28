INSERT INTO deduction (superseded_by) VALUES (NULL)
RETURNING deduction_id
