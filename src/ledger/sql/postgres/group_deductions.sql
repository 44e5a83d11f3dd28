-- As many deductions as there are staged rows ?1 to ?2. In one statement of many rows the tables' own
-- numbers do not see each other.
INSERT INTO deduction (deduction_id)
SELECT (SELECT COALESCE(MAX(deduction_id), 0) FROM deduction) + ROW_NUMBER() OVER (ORDER BY ordinal)
FROM temp.staged WHERE ordinal BETWEEN ?1 AND ?2
