-- As many deductions as there are staged rows ?1 to ?2.
INSERT INTO deduction (superseded_by)
SELECT NULL FROM temp.staged WHERE ordinal BETWEEN ?1 AND ?2
