DROP TABLE negative_check;
DROP TABLE negative_item;
