ALTER TABLE organisation ADD COLUMN territory TEXT DEFAULT 'CN' NOT NULL;
CREATE TABLE export_assessment (
    version_id TEXT NOT NULL, 
    org_id TEXT NOT NULL, 
    recipient TEXT NOT NULL, 
    territory TEXT NOT NULL, 
    purposes JSONB NOT NULL, 
    kinds JSONB NOT NULL, 
    facts JSONB NOT NULL, 
    documents JSONB NOT NULL, 
    path TEXT, 
    edition TEXT, 
    first_by TEXT, 
    second_by TEXT, 
    reason TEXT, 
    valid_until TIMESTAMP WITH TIME ZONE, 
    id TEXT NOT NULL, 
    state TEXT NOT NULL, 
    row_version INTEGER NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_export_assessment PRIMARY KEY (id), 
    CONSTRAINT ck_export_assessment_territory CHECK (territory <> 'CN'), 
    CONSTRAINT ck_export_assessment_two_people CHECK (first_by <> second_by), 
    CONSTRAINT ck_export_assessment_valid_until CHECK (state <> 'valid' OR valid_until IS NOT NULL), 
    CONSTRAINT fk_export_assessment_version_id FOREIGN KEY(version_id) REFERENCES version (id), 
    CONSTRAINT fk_export_assessment_org_id FOREIGN KEY(org_id) REFERENCES organisation (id), 
    CONSTRAINT ck_export_assessment_state CHECK (state IN ('lapsed', 'opened', 'refused', 'seconded', 'submitted', 'valid', 'withdrawn'))
);
CREATE INDEX ix_export_assessment_open ON export_assessment (id) WHERE state IN ('submitted', 'seconded');
CREATE INDEX ix_export_assessment_org_id_id ON export_assessment (org_id, id);
CREATE INDEX ix_export_assessment_version_id_id ON export_assessment (version_id, id);

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON export_assessment FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();
CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON export_assessment DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');
GRANT SELECT, INSERT, UPDATE ON export_assessment TO databourse_app;
