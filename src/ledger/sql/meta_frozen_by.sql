UPDATE meta SET frozen_by = ?1
