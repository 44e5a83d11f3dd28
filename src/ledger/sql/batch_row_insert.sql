INSERT INTO batch_row (
    batch_id, ordinal, line, cells, amount_fen, kind, deduction_id, repeat_of_batch, repeat_of_line,
    note, came_back_as, reissues, undecided)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
