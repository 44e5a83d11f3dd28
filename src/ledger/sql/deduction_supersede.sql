UPDATE deduction SET superseded_by = ?2 WHERE deduction_id = ?1 AND superseded_by IS NULL
