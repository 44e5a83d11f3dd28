-- Whether a batch was taken over as a history: a history is whole or not at all, so that all of its rows are
-- orders, and none of those began here.
SELECT NOT EXISTS (
    SELECT 1 FROM orders WHERE batch_id = ?1 AND generation = 1 AND past <> 'IMPORTED')
    AND NOT EXISTS (SELECT 1 FROM batch_row WHERE batch_id = ?1 AND kind <> 'ORDER')
