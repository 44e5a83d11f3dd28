-- A row that came back as ?1, changed to the content ?2, and asked for a new number as well.
SELECT 1 FROM batch_row WHERE came_back_as = ?1 AND undecided = ?2
