-- An order of another deduction for the same debt that is alive or succeeded, however long ago.
SELECT other.order_id
FROM orders AS own JOIN orders AS other ON other.hold_key = own.hold_key
WHERE own.order_id = ?1 AND other.deduction_id <> own.deduction_id
    AND (other.state = 'PENDING' OR other.state = 'UNKNOWN' OR other.state = 'PROCESSING'
        OR other.state = 'CLOSED' OR other.state = 'SUCCESS' OR other.state = 'EXPIRED')
ORDER BY other.order_id LIMIT 1
