-- A failed file as levy wrote it.
SELECT 1 FROM failed_file WHERE digest = ?1
