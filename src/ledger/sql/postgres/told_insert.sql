INSERT INTO told (stager, order_id) VALUES (:stager, ?1)
