UPDATE meta SET journal_entries = ?1
