-- A row that came back as an order (?1, content ?2) without another number: not the row ?3 itself.
SELECT line FROM temp.staged
WHERE returned = ?1 AND content_digest = ?2 AND ordinal <> ?3
    AND (own_no IS NULL
        OR EXISTS (SELECT 1 FROM main.orders WHERE orders.out_request_no = staged.own_no))
ORDER BY ordinal LIMIT 1
