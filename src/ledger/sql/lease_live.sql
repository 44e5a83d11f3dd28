-- Who may be sending: the lane (?1, or any), in words who holds it, and milliseconds that are left. Nobody
-- shares a file: whoever sends has the run's lock.
SELECT '', '', 0 WHERE FALSE AND ?1 IS NULL
