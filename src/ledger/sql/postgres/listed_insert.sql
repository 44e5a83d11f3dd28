INSERT INTO listed (stager, ordinal, order_id, first_ordinal) VALUES (:stager, ?1, ?2, ?3)
