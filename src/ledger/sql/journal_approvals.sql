-- Approvals as the decisions that they are, in the columns of journal_decisions.sql.
SELECT entry_no, link, plan_id, 'APPROVE', made_by, approved_by, at_ms, words, NULL, 0, entry_no AS page_key
FROM approval WHERE entry_no > ?1
ORDER BY entry_no LIMIT ?2
