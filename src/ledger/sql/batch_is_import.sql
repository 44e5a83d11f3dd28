-- Whether a batch was taken over as a history: none of its rows is an order that began here.
SELECT NOT EXISTS (
    SELECT 1 FROM orders WHERE batch_id = ?1 AND generation = 1 AND past <> 'IMPORTED')
