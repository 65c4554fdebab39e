CREATE TABLE finding (
    declaration_id TEXT NOT NULL, 
    org_id TEXT NOT NULL, 
    kind TEXT NOT NULL, 
    about TEXT NOT NULL, 
    title TEXT NOT NULL, 
    record_id TEXT, 
    source_declaration_id TEXT, 
    position INTEGER, 
    fingerprint BYTEA NOT NULL, 
    evidence JSONB NOT NULL, 
    evidence_digest BYTEA NOT NULL, 
    answer_due_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    answer TEXT, 
    answered_at TIMESTAMP WITH TIME ZONE, 
    appeal TEXT, 
    stage INTEGER DEFAULT '1' NOT NULL, 
    remedied_by TEXT, 
    id TEXT NOT NULL, 
    state TEXT NOT NULL, 
    row_version INTEGER NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_finding PRIMARY KEY (id), 
    CONSTRAINT ck_finding_kind CHECK (kind IN ('anonymity', 'derivation', 'personal', 'reported', 'use')), 
    CONSTRAINT ck_finding_position CHECK (kind <> 'use' OR position IS NOT NULL), 
    CONSTRAINT ck_finding_fingerprint CHECK (octet_length(fingerprint) = 32), 
    CONSTRAINT ck_finding_stage CHECK (stage IN (1, 2)), 
    CONSTRAINT uq_finding_declaration_id_fingerprint UNIQUE (declaration_id, fingerprint), 
    CONSTRAINT fk_finding_declaration_id FOREIGN KEY(declaration_id) REFERENCES declaration (id), 
    CONSTRAINT fk_finding_org_id FOREIGN KEY(org_id) REFERENCES organisation (id), 
    CONSTRAINT fk_finding_record_id FOREIGN KEY(record_id) REFERENCES catalogue_record (id), 
    CONSTRAINT fk_finding_source_declaration_id FOREIGN KEY(source_declaration_id) REFERENCES declaration (id), 
    CONSTRAINT fk_finding_remedied_by FOREIGN KEY(remedied_by) REFERENCES declaration (id), 
    CONSTRAINT ck_finding_state CHECK (state IN ('accepted', 'affirmed', 'appealed', 'confirmed', 'dismissed', 'in_review', 'open', 'overdue', 'remedied'))
);
CREATE INDEX ix_finding_about ON finding (about);
CREATE INDEX ix_finding_org_id_state_id ON finding (org_id, state, id);
CREATE INDEX ix_finding_state_id ON finding (state, id);

CREATE TABLE finding_vote (
    finding_id TEXT NOT NULL, 
    stage INTEGER NOT NULL, 
    reviewer_id TEXT NOT NULL, 
    outcome TEXT NOT NULL, 
    reason TEXT NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_finding_vote PRIMARY KEY (finding_id, stage, reviewer_id), 
    CONSTRAINT ck_finding_vote_outcome CHECK (outcome IN ('confirm', 'dismiss')), 
    CONSTRAINT fk_finding_vote_finding_id FOREIGN KEY(finding_id) REFERENCES finding (id)
);

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON finding FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();
CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON finding DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');
GRANT SELECT, INSERT, UPDATE ON finding TO databourse_app;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON finding_vote FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only();
CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON finding_vote FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();
CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON finding_vote DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('finding_id');
GRANT SELECT, INSERT ON finding_vote TO databourse_app;

ALTER TABLE deposit ADD COLUMN scans JSONB;
