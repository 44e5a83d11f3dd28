INSERT INTO reply (
    attempt_id, at_ms, latency_ms, trust, maybe_accepted, meaning, http_status, code, message,
    request_id, signed_at_ms, state, fail_reason, quota_change_no, success_time, fail_time, alert,
    entry_no, link)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
