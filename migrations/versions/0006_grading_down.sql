DROP TABLE grade_lowering;
DROP TABLE important_data_file;
DROP TABLE grading;
DROP TABLE data_report;
