CREATE TABLE data_report (
    version_id TEXT NOT NULL, 
    org_id TEXT NOT NULL, 
    kind TEXT NOT NULL, 
    statement TEXT NOT NULL, 
    authority TEXT NOT NULL, 
    reference TEXT NOT NULL, 
    answer TEXT NOT NULL, 
    id TEXT NOT NULL, 
    state TEXT NOT NULL, 
    row_version INTEGER NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_data_report PRIMARY KEY (id), 
    CONSTRAINT ck_data_report_kind CHECK (kind IN ('core_data', 'prohibited', 'state_secret', 'work_secret')), 
    CONSTRAINT ck_data_report_authority CHECK (state <> 'reported' OR authority <> ''), 
    CONSTRAINT fk_data_report_version_id FOREIGN KEY(version_id) REFERENCES version (id), 
    CONSTRAINT fk_data_report_org_id FOREIGN KEY(org_id) REFERENCES organisation (id), 
    CONSTRAINT ck_data_report_state CHECK (state IN ('dismissed', 'open', 'reported'))
);
CREATE INDEX ix_data_report_open ON data_report (id) WHERE state = 'open';
CREATE INDEX ix_data_report_version_id_id ON data_report (version_id, id);

CREATE TABLE grading (
    id TEXT NOT NULL, 
    version_id TEXT NOT NULL, 
    elements JSONB NOT NULL, 
    effects JSONB NOT NULL, 
    identified_as TEXT NOT NULL, 
    secrecy TEXT NOT NULL, 
    grade TEXT, 
    sources_grade TEXT NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_grading PRIMARY KEY (id), 
    CONSTRAINT ck_grading_grade CHECK (grade IN ('core', 'general', 'important')), 
    CONSTRAINT ck_grading_sources_grade CHECK (sources_grade IN ('core', 'general', 'important')), 
    CONSTRAINT fk_grading_version_id FOREIGN KEY(version_id) REFERENCES version (id)
);
CREATE INDEX ix_grading_version_id_id ON grading (version_id, id);

CREATE TABLE important_data_file (
    id TEXT NOT NULL, 
    version_id TEXT NOT NULL, 
    identification TEXT NOT NULL, 
    assessment JSONB NOT NULL, 
    officer_id TEXT NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_important_data_file PRIMARY KEY (id), 
    CONSTRAINT fk_important_data_file_version_id FOREIGN KEY(version_id) REFERENCES version (id)
);
CREATE INDEX ix_important_data_file_version_id_id ON important_data_file (version_id, id);

CREATE TABLE grade_lowering (
    version_id TEXT NOT NULL, 
    grading_id TEXT NOT NULL, 
    org_id TEXT NOT NULL, 
    from_grade TEXT NOT NULL, 
    to_grade TEXT NOT NULL, 
    reason TEXT NOT NULL, 
    first_by TEXT, 
    first_reason TEXT, 
    second_by TEXT, 
    second_reason TEXT, 
    id TEXT NOT NULL, 
    state TEXT NOT NULL, 
    row_version INTEGER NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_grade_lowering PRIMARY KEY (id), 
    CONSTRAINT ck_grade_lowering_from_grade CHECK (from_grade IN ('core', 'general', 'important')), 
    CONSTRAINT ck_grade_lowering_to_grade CHECK (to_grade IN ('core', 'general', 'important')), 
    CONSTRAINT ck_grade_lowering_two_people CHECK (first_by <> second_by), 
    CONSTRAINT fk_grade_lowering_version_id FOREIGN KEY(version_id) REFERENCES version (id), 
    CONSTRAINT fk_grade_lowering_grading_id FOREIGN KEY(grading_id) REFERENCES grading (id), 
    CONSTRAINT fk_grade_lowering_org_id FOREIGN KEY(org_id) REFERENCES organisation (id), 
    CONSTRAINT ck_grade_lowering_state CHECK (state IN ('asked', 'granted', 'refused', 'seconded'))
);
CREATE INDEX ix_grade_lowering_open ON grade_lowering (id) WHERE state IN ('asked', 'seconded');
CREATE INDEX ix_grade_lowering_version_id_id ON grade_lowering (version_id, id);

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON data_report FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();
CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON data_report DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');
GRANT SELECT, INSERT, UPDATE ON data_report TO databourse_app;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON grading FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only();
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON grading FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();
CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON grading DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('version_id');
GRANT SELECT, INSERT ON grading TO databourse_app;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON important_data_file FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only();
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON important_data_file FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();
CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON important_data_file DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('version_id');
GRANT SELECT, INSERT ON important_data_file TO databourse_app;
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON grade_lowering FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();
CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON grade_lowering DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');
GRANT SELECT, INSERT, UPDATE ON grade_lowering TO databourse_app;
