INSERT INTO temp.told (order_id) VALUES (?1)
