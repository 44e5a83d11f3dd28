DELETE FROM temp.staged;
DELETE FROM temp.blank;
DELETE FROM temp.clash;
