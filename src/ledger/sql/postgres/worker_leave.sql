DELETE FROM worker WHERE owner = ?1
