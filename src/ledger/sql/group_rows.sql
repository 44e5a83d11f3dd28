-- Staged rows ?1 to ?2 as rows of batch ?3, each with a deduction of its own: ?4 and its ordinal.
INSERT INTO batch_row (batch_id, ordinal, line, cells, amount_fen, kind, deduction_id)
SELECT ?3, ordinal, line, cells, amount_fen, 'ORDER', ?4 + ordinal
FROM temp.staged WHERE ordinal BETWEEN ?1 AND ?2 ORDER BY ordinal
