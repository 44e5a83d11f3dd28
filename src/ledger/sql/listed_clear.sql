DELETE FROM temp.listed;
DELETE FROM temp.named;
DELETE FROM temp.told;
