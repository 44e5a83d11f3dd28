INSERT INTO lane_head (lane, entries, link) VALUES (?1, ?2, ?3)
ON CONFLICT (lane) DO UPDATE SET entries = excluded.entries, link = excluded.link
