DROP TABLE export_assessment;
ALTER TABLE organisation DROP COLUMN territory;
