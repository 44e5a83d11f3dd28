SELECT * FROM job WHERE out_request_no = ?1
