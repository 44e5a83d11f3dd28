-- That of the batch in which the order's deduction came first.
SELECT * FROM file_plan
WHERE plan_id = (
    SELECT r.plan_id FROM orders AS own
    JOIN orders AS first ON first.deduction_id = own.deduction_id AND first.generation = 1
    JOIN plan_run AS r ON r.batch_id = first.batch_id
    WHERE own.out_request_no = ?1)
