SELECT * FROM job ORDER BY order_id
