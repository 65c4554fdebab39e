ALTER TABLE deposit DROP COLUMN scans;
DROP TABLE finding_vote;
DROP TABLE finding;
