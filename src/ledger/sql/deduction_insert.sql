INSERT INTO deduction (superseded_by) VALUES (NULL)
