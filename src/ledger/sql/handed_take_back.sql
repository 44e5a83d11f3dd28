DELETE FROM handed WHERE batch_id = ?1
