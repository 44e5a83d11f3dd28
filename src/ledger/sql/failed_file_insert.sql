INSERT OR IGNORE INTO failed_file (digest) VALUES (?1)
