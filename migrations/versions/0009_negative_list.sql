CREATE TABLE negative_item (
    code TEXT NOT NULL, 
    edition INTEGER NOT NULL, 
    text_zh TEXT NOT NULL, 
    text_en TEXT NOT NULL, 
    basis TEXT NOT NULL, 
    effective_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    id TEXT NOT NULL, 
    state TEXT NOT NULL, 
    row_version INTEGER NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_negative_item PRIMARY KEY (id), 
    CONSTRAINT ck_negative_item_basis CHECK (basis <> ''), 
    CONSTRAINT ck_negative_item_state CHECK (state IN ('ended', 'kept'))
);
CREATE UNIQUE INDEX uq_negative_item_code_edition ON negative_item (code, edition);

CREATE TABLE negative_check (
    id TEXT NOT NULL, 
    version_id TEXT NOT NULL, 
    submission INTEGER NOT NULL, 
    item_id TEXT NOT NULL, 
    result TEXT NOT NULL, 
    reviewer_id TEXT NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_negative_check PRIMARY KEY (id), 
    CONSTRAINT ck_negative_check_result CHECK (result IN ('clear', 'found')), 
    CONSTRAINT fk_negative_check_version_id FOREIGN KEY(version_id) REFERENCES version (id), 
    CONSTRAINT fk_negative_check_item_id FOREIGN KEY(item_id) REFERENCES negative_item (id)
);
CREATE INDEX ix_negative_check_version_id_submission_id ON negative_check (version_id, submission, id);

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON negative_item FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();
CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON negative_item DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');
GRANT SELECT, INSERT, UPDATE ON negative_item TO databourse_app;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON negative_check FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only();
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON negative_check FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();
CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON negative_check DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('version_id');
GRANT SELECT, INSERT ON negative_check TO databourse_app;
