-- Whether a batch was taken over as a history: a history is whole or not at all, so none of its rows is
-- invalid, and none is an order that began here.
SELECT NOT EXISTS (
    SELECT 1 FROM orders WHERE batch_id = ?1 AND generation = 1 AND past <> 'IMPORTED')
    AND NOT EXISTS (SELECT 1 FROM batch_row WHERE batch_id = ?1 AND kind = 'INVALID')
