SELECT superseded_by FROM deduction WHERE deduction_id = ?1
