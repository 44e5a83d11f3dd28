INSERT INTO temp.listed (ordinal, order_id, first_ordinal) VALUES (?1, ?2, ?3)
