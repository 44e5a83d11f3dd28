-- The earliest time at which an order that was never sent by this journal may have been sent all the
-- same: a ledger that came back from a backup, and a deduction that is not younger than what that
-- backup may have forgotten (29 days, the time in which a number is submitted). It came in by now (?2),
-- too.
SELECT since_ms, by_first FROM decision
WHERE kind = 'RESTORED' AND order_id IS NULL AND since_ms + 2505600000 > (
    SELECT CASE WHEN by_ms < ?2 THEN by_ms ELSE ?2 END FROM came_in WHERE came_in.order_id = ?1)
ORDER BY since_ms LIMIT 1
