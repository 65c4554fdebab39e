CREATE TABLE data_request (
    department_org_id TEXT NOT NULL, 
    applicant_org_id TEXT NOT NULL, 
    kind TEXT NOT NULL, 
    official_number TEXT NOT NULL, 
    record_id TEXT NOT NULL, 
    received_on DATE NOT NULL, 
    due_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    provisional BOOLEAN NOT NULL, 
    extended_days INTEGER NOT NULL, 
    approved_by TEXT NOT NULL, 
    reason TEXT NOT NULL, 
    legal_basis TEXT NOT NULL, 
    id TEXT NOT NULL, 
    state TEXT NOT NULL, 
    row_version INTEGER NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_data_request PRIMARY KEY (id), 
    CONSTRAINT ck_data_request_kind CHECK (kind IN ('conditional', 'sharing')), 
    CONSTRAINT ck_data_request_two_parties CHECK (department_org_id <> applicant_org_id), 
    CONSTRAINT ck_data_request_refusal CHECK (state <> 'refused' OR (reason <> '' AND legal_basis <> '')), 
    CONSTRAINT ck_data_request_extension CHECK (extended_days = 0 OR approved_by <> ''), 
    CONSTRAINT uq_data_request_department_org_id_official_number UNIQUE (department_org_id, official_number), 
    CONSTRAINT fk_data_request_department_org_id FOREIGN KEY(department_org_id) REFERENCES organisation (id), 
    CONSTRAINT fk_data_request_applicant_org_id FOREIGN KEY(applicant_org_id) REFERENCES organisation (id), 
    CONSTRAINT fk_data_request_record_id FOREIGN KEY(record_id) REFERENCES catalogue_record (id), 
    CONSTRAINT ck_data_request_state CHECK (state IN ('extended', 'granted', 'received', 'refused', 'withdrawn'))
);
CREATE INDEX ix_data_request_applicant_org_id_id ON data_request (applicant_org_id, id);
CREATE INDEX ix_data_request_department_org_id_id ON data_request (department_org_id, id);
CREATE INDEX ix_data_request_open ON data_request (due_at, id) WHERE state IN ('received', 'extended');

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON data_request FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();
CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON data_request DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');
GRANT SELECT, INSERT, UPDATE ON data_request TO databourse_app;
