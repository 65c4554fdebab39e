-- New tables.

CREATE TABLE case_file (
    organ_id TEXT NOT NULL, 
    person_id TEXT NOT NULL, 
    about TEXT NOT NULL, 
    size_bytes BIGINT, 
    digest BYTEA, 
    problem TEXT, 
    expires_at TIMESTAMP WITH TIME ZONE, 
    id TEXT NOT NULL, 
    state TEXT NOT NULL, 
    row_version INTEGER NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_case_file PRIMARY KEY (id), 
    CONSTRAINT ck_case_file_state CHECK (state IN ('discarded', 'failed', 'ready', 'requested'))
);
CREATE INDEX ix_case_file_id ON case_file (id) WHERE state = 'requested';
CREATE INDEX ix_case_file_organ_id_id ON case_file (organ_id, id);

CREATE TABLE directive (
    organ_id TEXT NOT NULL, 
    measure TEXT NOT NULL, 
    basis TEXT NOT NULL, 
    document_number TEXT NOT NULL, 
    target_kind TEXT NOT NULL, 
    target TEXT NOT NULL, 
    served_on TEXT, 
    binding BOOLEAN NOT NULL, 
    demand TEXT NOT NULL, 
    answer_days INTEGER NOT NULL, 
    answer_due_at TIMESTAMP WITH TIME ZONE, 
    proposed_by TEXT NOT NULL, 
    confirmed_by TEXT, 
    served_at TIMESTAMP WITH TIME ZONE, 
    answered_at TIMESTAMP WITH TIME ZONE, 
    lift_proposed_by TEXT, 
    lift_reason TEXT, 
    id TEXT NOT NULL, 
    state TEXT NOT NULL, 
    row_version INTEGER NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_directive PRIMARY KEY (id), 
    CONSTRAINT ck_directive_measure CHECK (measure IN ('interview', 'money', 'rectification', 'suspension')), 
    CONSTRAINT ck_directive_basis CHECK (basis IN ('cpl_144', 'dsl_44', 'dsl_45', 'ndr_51', 'pipl_64', 'trading_rules')), 
    CONSTRAINT ck_directive_target_kind CHECK (target_kind IN ('category', 'market', 'party', 'subject')), 
    CONSTRAINT ck_directive_answer_days CHECK (answer_days BETWEEN 1 AND 180), 
    CONSTRAINT ck_directive_two_officers CHECK (confirmed_by <> proposed_by), 
    CONSTRAINT ck_directive_lifting CHECK (state <> 'lifted' OR lift_proposed_by IS NOT NULL), 
    CONSTRAINT ck_directive_state CHECK (state IN ('answered', 'lifted', 'overdue', 'proposed', 'served', 'withdrawn'))
);
CREATE INDEX ix_directive_organ_id_id ON directive (organ_id, id);
CREATE INDEX ix_directive_organ_id_state_answer_due_at ON directive (organ_id, state, answer_due_at);
CREATE INDEX ix_directive_served_on_id ON directive (served_on, id) WHERE served_at IS NOT NULL;

CREATE TABLE inspection (
    organ_id TEXT NOT NULL, 
    person_id TEXT NOT NULL, 
    purpose TEXT NOT NULL, 
    reference TEXT NOT NULL, 
    sealed_note BYTEA, 
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    id TEXT NOT NULL, 
    state TEXT NOT NULL, 
    row_version INTEGER NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_inspection PRIMARY KEY (id), 
    CONSTRAINT ck_inspection_purpose CHECK (purpose IN ('assistance', 'case', 'complaint', 'incident', 'routine', 'statistics')), 
    CONSTRAINT ck_inspection_state CHECK (state IN ('closed', 'lapsed', 'open'))
);
CREATE INDEX ix_inspection_organ_id_id ON inspection (organ_id, id);

CREATE UNIQUE INDEX uq_inspection_open ON inspection (person_id) WHERE state = 'open';

CREATE TABLE journal_check (
    id BIGINT GENERATED ALWAYS AS IDENTITY, 
    started_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    ended_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    size BIGINT, 
    entries BIGINT NOT NULL, 
    rows BIGINT NOT NULL, 
    found BIGINT NOT NULL, 
    CONSTRAINT pk_journal_check PRIMARY KEY (id)
);
CREATE INDEX ix_journal_check_started_at ON journal_check (started_at);

CREATE TABLE journal_check_finding (
    check_id BIGINT NOT NULL, 
    position INTEGER NOT NULL, 
    code TEXT NOT NULL, 
    path TEXT NOT NULL, 
    detail TEXT NOT NULL, 
    CONSTRAINT pk_journal_check_finding PRIMARY KEY (check_id, position)
);

CREATE TABLE journal_cosignature (
    size BIGINT NOT NULL, 
    name TEXT NOT NULL, 
    key_id BYTEA NOT NULL, 
    line TEXT NOT NULL, 
    received_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_journal_cosignature PRIMARY KEY (size, name, key_id)
);

CREATE TABLE journal_disagreement (
    id BIGINT GENERATED ALWAYS AS IDENTITY, 
    witness TEXT NOT NULL, 
    kind TEXT NOT NULL, 
    held_size BIGINT NOT NULL, 
    request BYTEA NOT NULL, 
    answer TEXT NOT NULL, 
    seen_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_journal_disagreement PRIMARY KEY (id), 
    CONSTRAINT uq_journal_disagreement_witness_kind_held_size UNIQUE (witness, kind, held_size), 
    CONSTRAINT ck_journal_disagreement_kind CHECK (kind IN ('rollback', 'fork'))
);

CREATE TABLE journal_projection (
    name TEXT NOT NULL, 
    next_index BIGINT NOT NULL, 
    CONSTRAINT pk_journal_projection PRIMARY KEY (name)
);

CREATE TABLE journal_quorum (
    size BIGINT NOT NULL, 
    met_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_journal_quorum PRIMARY KEY (size)
);

CREATE TABLE journal_terms (
    entry_id TEXT NOT NULL, 
    terms TSVECTOR NOT NULL, 
    CONSTRAINT pk_journal_terms PRIMARY KEY (entry_id)
);
CREATE INDEX ix_journal_terms_terms ON journal_terms USING gin (terms);

CREATE TABLE journal_witness (
    name TEXT NOT NULL, 
    size BIGINT NOT NULL, 
    cosigned_at TIMESTAMP WITH TIME ZONE, 
    asked_at TIMESTAMP WITH TIME ZONE, 
    problem TEXT, 
    alarm TEXT, 
    alarm_since TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_journal_witness PRIMARY KEY (name), 
    CONSTRAINT ck_journal_witness_alarm CHECK (alarm IN ('late', 'disagrees'))
);

CREATE TABLE notification_cursor (
    name TEXT NOT NULL, 
    next_index BIGINT NOT NULL, 
    CONSTRAINT pk_notification_cursor PRIMARY KEY (name)
);

CREATE TABLE oversight_coverage (
    subject TEXT NOT NULL, 
    covered_by TEXT NOT NULL, 
    CONSTRAINT pk_oversight_coverage PRIMARY KEY (subject, covered_by)
);
CREATE INDEX ix_oversight_coverage_covered_by_subject ON oversight_coverage (covered_by, subject);

CREATE TABLE oversight_scope (
    id TEXT NOT NULL, 
    organ_id TEXT NOT NULL, 
    authority TEXT NOT NULL, 
    kind TEXT NOT NULL, 
    value TEXT NOT NULL, 
    basis TEXT NOT NULL, 
    since TIMESTAMP WITH TIME ZONE NOT NULL, 
    ended_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_oversight_scope PRIMARY KEY (id), 
    CONSTRAINT ck_oversight_scope_authority CHECK (authority IN ('cyberspace', 'data', 'market', 'public_security', 'sector')), 
    CONSTRAINT ck_oversight_scope_kind CHECK (kind IN ('all', 'case', 'category', 'district', 'party')), 
    CONSTRAINT ck_oversight_scope_value CHECK ((kind = 'all') = (value = ''))
);
CREATE INDEX ix_oversight_scope_organ_id_id ON oversight_scope (organ_id, id);

CREATE UNIQUE INDEX uq_oversight_scope_live ON oversight_scope (organ_id, kind, value) WHERE ended_at IS NULL;

CREATE TABLE case_file_part (
    file_id TEXT NOT NULL, 
    number INTEGER NOT NULL, 
    content BYTEA NOT NULL, 
    CONSTRAINT pk_case_file_part PRIMARY KEY (file_id, number), 
    CONSTRAINT fk_case_file_part_file_id FOREIGN KEY(file_id) REFERENCES case_file (id)
);

CREATE TABLE demonstration_person (
    person_id TEXT NOT NULL, 
    place INTEGER NOT NULL, 
    role TEXT NOT NULL, 
    name_zh TEXT NOT NULL, 
    name_en TEXT NOT NULL, 
    CONSTRAINT pk_demonstration_person PRIMARY KEY (person_id), 
    CONSTRAINT fk_demonstration_person_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE TABLE invitation (
    org_id TEXT NOT NULL, 
    sealed_email BYTEA NOT NULL, 
    sealed_name BYTEA NOT NULL, 
    roles JSONB NOT NULL, 
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    id TEXT NOT NULL, 
    state TEXT NOT NULL, 
    row_version INTEGER NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_invitation PRIMARY KEY (id), 
    CONSTRAINT fk_invitation_org_id FOREIGN KEY(org_id) REFERENCES organisation (id), 
    CONSTRAINT ck_invitation_state CHECK (state IN ('accepted', 'lapsed', 'open', 'withdrawn'))
);
CREATE INDEX ix_invitation_org_id_id ON invitation (org_id, id);

CREATE TABLE letter_of_authority (
    org_id TEXT NOT NULL, 
    person_id TEXT NOT NULL, 
    scopes JSONB NOT NULL, 
    ceiling_minor BIGINT, 
    currency TEXT, 
    starts_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    ends_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    document_digest BYTEA NOT NULL, 
    signature_id TEXT NOT NULL, 
    id TEXT NOT NULL, 
    state TEXT NOT NULL, 
    row_version INTEGER NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_letter_of_authority PRIMARY KEY (id), 
    CONSTRAINT ck_letter_of_authority_term CHECK (starts_at < ends_at), 
    CONSTRAINT ck_letter_of_authority_ceiling_minor CHECK (ceiling_minor > 0), 
    CONSTRAINT ck_letter_of_authority_currency_with_ceiling CHECK ((ceiling_minor IS NULL) = (currency IS NULL)), 
    CONSTRAINT ck_letter_of_authority_currency CHECK (currency IN ('CNY', 'EUR', 'GBP', 'HKD', 'JPY', 'SGD', 'USD')), 
    CONSTRAINT fk_letter_of_authority_org_id FOREIGN KEY(org_id) REFERENCES organisation (id), 
    CONSTRAINT fk_letter_of_authority_person_id FOREIGN KEY(person_id) REFERENCES person (id), 
    CONSTRAINT ck_letter_of_authority_state CHECK (state IN ('expired', 'live', 'revoked'))
);
CREATE INDEX ix_letter_of_authority_org_id_id ON letter_of_authority (org_id, id);
CREATE INDEX ix_letter_of_authority_person_id_org_id_id ON letter_of_authority (person_id, org_id, id);

CREATE TABLE notification (
    id BIGINT GENERATED ALWAYS AS IDENTITY, 
    org_id TEXT NOT NULL, 
    entry_id TEXT NOT NULL, 
    subject TEXT NOT NULL, 
    action TEXT NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    read_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_notification PRIMARY KEY (id), 
    CONSTRAINT uq_notification_org_id_entry_id UNIQUE (org_id, entry_id), 
    CONSTRAINT fk_notification_org_id FOREIGN KEY(org_id) REFERENCES organisation (id), 
    CONSTRAINT fk_notification_entry_id FOREIGN KEY(entry_id) REFERENCES journal_entry (id)
);
CREATE INDEX ix_notification_org_id ON notification (org_id) WHERE read_at IS NULL;
CREATE INDEX ix_notification_org_id_id ON notification (org_id, id);

CREATE TABLE password_reset (
    id TEXT NOT NULL, 
    person_id TEXT NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    ended_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_password_reset PRIMARY KEY (id), 
    CONSTRAINT fk_password_reset_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);
CREATE INDEX ix_password_reset_live ON password_reset (person_id) WHERE ended_at IS NULL;

CREATE TABLE recovery_code (
    digest BYTEA NOT NULL, 
    person_id TEXT NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    ended_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_recovery_code PRIMARY KEY (digest), 
    CONSTRAINT fk_recovery_code_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);
CREATE INDEX ix_recovery_code_live ON recovery_code (person_id) WHERE ended_at IS NULL;

CREATE TABLE subject_party (
    subject TEXT NOT NULL, 
    org_id TEXT NOT NULL, 
    CONSTRAINT pk_subject_party PRIMARY KEY (subject, org_id), 
    CONSTRAINT fk_subject_party_org_id FOREIGN KEY(org_id) REFERENCES organisation (id)
);

CREATE TABLE filing (
    number TEXT NOT NULL, 
    product_id TEXT NOT NULL, 
    version_id TEXT NOT NULL, 
    seller_org_id TEXT NOT NULL, 
    buyer_org_id TEXT NOT NULL, 
    filed_by TEXT NOT NULL, 
    amount_minor BIGINT NOT NULL, 
    currency TEXT NOT NULL, 
    dealt_on DATE NOT NULL, 
    contract_digest BYTEA NOT NULL, 
    closing_reason TEXT, 
    document_digest BYTEA, 
    note_digest BYTEA, 
    id TEXT NOT NULL, 
    state TEXT NOT NULL, 
    row_version INTEGER NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_filing PRIMARY KEY (id), 
    CONSTRAINT ck_filing_two_parties CHECK (buyer_org_id <> seller_org_id), 
    CONSTRAINT ck_filing_filed_by CHECK (filed_by IN ('buyer', 'seller')), 
    CONSTRAINT ck_filing_amount CHECK (amount_minor BETWEEN 1 AND 1000000000000000), 
    CONSTRAINT ck_filing_contract_digest CHECK (octet_length(contract_digest) = 32), 
    CONSTRAINT ck_filing_document CHECK ((state = 'confirmed') = (document_digest IS NOT NULL) AND (document_digest IS NULL) = (note_digest IS NULL)), 
    CONSTRAINT uq_filing_number UNIQUE (number), 
    CONSTRAINT fk_filing_product_id FOREIGN KEY(product_id) REFERENCES product (id), 
    CONSTRAINT fk_filing_version_id FOREIGN KEY(version_id) REFERENCES version (id), 
    CONSTRAINT ck_filing_state CHECK (state IN ('confirmed', 'declined', 'filed', 'withdrawn'))
);
CREATE INDEX ix_filing_buyer_org_id_id ON filing (buyer_org_id, id);
CREATE INDEX ix_filing_seller_org_id_id ON filing (seller_org_id, id);
CREATE INDEX ix_filing_version_id_id ON filing (version_id, id);

CREATE TABLE shelf_entry (
    version_id TEXT NOT NULL, 
    product_id TEXT NOT NULL, 
    org_id TEXT NOT NULL, 
    state TEXT NOT NULL, 
    number INTEGER NOT NULL, 
    listed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    published_at TIMESTAMP WITH TIME ZONE, 
    notice_ends_at TIMESTAMP WITH TIME ZONE, 
    title_zh TEXT NOT NULL, 
    title_en TEXT NOT NULL, 
    category TEXT NOT NULL, 
    grade TEXT NOT NULL, 
    file_format TEXT, 
    row_count BIGINT, 
    column_count INTEGER, 
    completeness SMALLINT, 
    government_derived BOOLEAN NOT NULL, 
    source_line_zh TEXT, 
    source_line_en TEXT, 
    source_line_count INTEGER NOT NULL, 
    source_kinds JSONB NOT NULL, 
    prices JSONB NOT NULL, 
    facets TEXT[] NOT NULL, 
    tokens TSVECTOR NOT NULL, 
    edition SMALLINT NOT NULL, 
    CONSTRAINT pk_shelf_entry PRIMARY KEY (version_id), 
    CONSTRAINT fk_shelf_entry_version_id FOREIGN KEY(version_id) REFERENCES version (id), 
    CONSTRAINT fk_shelf_entry_product_id FOREIGN KEY(product_id) REFERENCES product (id), 
    CONSTRAINT fk_shelf_entry_org_id FOREIGN KEY(org_id) REFERENCES organisation (id)
);
CREATE INDEX ix_shelf_entry_government ON shelf_entry (version_id) WHERE government_derived AND state = 'published';
CREATE INDEX ix_shelf_entry_product_id ON shelf_entry (product_id);
CREATE INDEX ix_shelf_entry_state_listed_at_version_id ON shelf_entry (state, listed_at, version_id);
CREATE INDEX ix_shelf_entry_tokens_facets ON shelf_entry USING gin (tokens, facets) WITH (fastupdate = off);

CREATE TABLE proposal (
    id TEXT NOT NULL, 
    order_id TEXT NOT NULL, 
    number INTEGER NOT NULL, 
    side TEXT NOT NULL, 
    amount_minor BIGINT NOT NULL, 
    currency TEXT NOT NULL, 
    terms JSONB NOT NULL, 
    disputes TEXT NOT NULL, 
    contract_digest BYTEA NOT NULL, 
    signature_id TEXT NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_proposal PRIMARY KEY (id), 
    CONSTRAINT uq_proposal_order_id_number UNIQUE (order_id, number), 
    CONSTRAINT ck_proposal_number CHECK (number > 0), 
    CONSTRAINT ck_proposal_side CHECK (side IN ('buyer', 'seller')), 
    CONSTRAINT ck_proposal_amount CHECK (amount_minor BETWEEN 1 AND 1000000000000000), 
    CONSTRAINT ck_proposal_contract_digest CHECK (octet_length(contract_digest) = 32), 
    CONSTRAINT fk_proposal_order_id FOREIGN KEY(order_id) REFERENCES trade_order (id)
);

CREATE TABLE trade_message (
    id TEXT NOT NULL, 
    order_id TEXT NOT NULL, 
    side TEXT NOT NULL, 
    sealed BYTEA NOT NULL, 
    digest BYTEA NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_trade_message PRIMARY KEY (id), 
    CONSTRAINT ck_trade_message_side CHECK (side IN ('buyer', 'seller')), 
    CONSTRAINT ck_trade_message_digest CHECK (octet_length(digest) = 32), 
    CONSTRAINT fk_trade_message_order_id FOREIGN KEY(order_id) REFERENCES trade_order (id)
);
CREATE INDEX ix_trade_message_order_id_id ON trade_message (order_id, id);

CREATE TABLE dispute (
    id TEXT NOT NULL, 
    lot_id TEXT NOT NULL, 
    opened_by TEXT NOT NULL, 
    reason TEXT, 
    opened_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    answer_due_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    urgency BIGINT NOT NULL, 
    answer TEXT, 
    answered_at TIMESTAMP WITH TIME ZONE, 
    closed_at TIMESTAMP WITH TIME ZONE, 
    CONSTRAINT pk_dispute PRIMARY KEY (id), 
    CONSTRAINT ck_dispute_opened_by CHECK (opened_by IN ('buyer', 'clock')), 
    CONSTRAINT ck_dispute_answer CHECK ((answer IS NULL) = (answered_at IS NULL)), 
    CONSTRAINT fk_dispute_lot_id FOREIGN KEY(lot_id) REFERENCES lot (id)
);
CREATE INDEX ix_dispute_lot_id_id ON dispute (lot_id, id);
CREATE INDEX ix_dispute_urgency_id ON dispute (urgency, id) WHERE closed_at IS NULL;

CREATE UNIQUE INDEX uq_dispute_open ON dispute (lot_id) WHERE closed_at IS NULL;

CREATE TABLE lot_extension (
    lot_id TEXT NOT NULL, 
    step TEXT NOT NULL, 
    proposed_by TEXT NOT NULL, 
    deadline_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    until TIMESTAMP WITH TIME ZONE NOT NULL, 
    reason TEXT NOT NULL, 
    id TEXT NOT NULL, 
    state TEXT NOT NULL, 
    row_version INTEGER NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_lot_extension PRIMARY KEY (id), 
    CONSTRAINT ck_lot_extension_step CHECK (step IN ('funded', 'delivered')), 
    CONSTRAINT ck_lot_extension_proposed_by CHECK (proposed_by IN ('buyer', 'seller')), 
    CONSTRAINT ck_lot_extension_later CHECK (until > deadline_at), 
    CONSTRAINT fk_lot_extension_lot_id FOREIGN KEY(lot_id) REFERENCES lot (id), 
    CONSTRAINT ck_lot_extension_state CHECK (state IN ('agreed', 'declined', 'lapsed', 'proposed', 'withdrawn'))
);
CREATE INDEX ix_lot_extension_lot_id_id ON lot_extension (lot_id, id);

CREATE UNIQUE INDEX uq_lot_extension_proposed ON lot_extension (lot_id) WHERE state = 'proposed';

CREATE TABLE payment_order (
    kind TEXT NOT NULL, 
    lot_id TEXT NOT NULL, 
    op_id TEXT, 
    amount_minor BIGINT NOT NULL, 
    currency TEXT NOT NULL, 
    reason TEXT NOT NULL, 
    document_number TEXT, 
    proposed_by TEXT NOT NULL, 
    decided_by TEXT, 
    id TEXT NOT NULL, 
    state TEXT NOT NULL, 
    row_version INTEGER NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_payment_order PRIMARY KEY (id), 
    CONSTRAINT ck_payment_order_kind CHECK (kind IN ('again', 'return', 'refund')), 
    CONSTRAINT ck_payment_order_op CHECK ((kind = 'again') = (op_id IS NOT NULL)), 
    CONSTRAINT ck_payment_order_document_number CHECK ((kind = 'refund') = (document_number IS NOT NULL)), 
    CONSTRAINT ck_payment_order_amount CHECK (amount_minor BETWEEN 1 AND 1000000000000000), 
    CONSTRAINT ck_payment_order_two_persons CHECK (state <> 'confirmed' OR decided_by <> proposed_by), 
    CONSTRAINT fk_payment_order_lot_id FOREIGN KEY(lot_id) REFERENCES lot (id), 
    CONSTRAINT fk_payment_order_op_id FOREIGN KEY(op_id) REFERENCES money_op (id), 
    CONSTRAINT ck_payment_order_state CHECK (state IN ('confirmed', 'proposed', 'rejected', 'withdrawn'))
);
CREATE INDEX ix_payment_order_id ON payment_order (id) WHERE state = 'proposed';
CREATE INDEX ix_payment_order_lot_id_id ON payment_order (lot_id, id);

CREATE UNIQUE INDEX uq_payment_order_proposed ON payment_order (lot_id) WHERE state = 'proposed';

CREATE TABLE refund (
    order_id TEXT NOT NULL, 
    lot_id TEXT NOT NULL, 
    basis TEXT NOT NULL, 
    proposed_by TEXT NOT NULL, 
    amount_minor BIGINT NOT NULL, 
    currency TEXT NOT NULL, 
    reason TEXT NOT NULL, 
    reversal_op_id TEXT, 
    refund_op_id TEXT, 
    id TEXT NOT NULL, 
    state TEXT NOT NULL, 
    row_version INTEGER NOT NULL, 
    created_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_refund PRIMARY KEY (id), 
    CONSTRAINT ck_refund_amount CHECK (amount_minor BETWEEN 1 AND 1000000000000000), 
    CONSTRAINT ck_refund_basis CHECK (basis IN ('agreement', 'decision')), 
    CONSTRAINT ck_refund_proposed_by CHECK (proposed_by IN ('buyer', 'seller') OR basis = 'decision'), 
    CONSTRAINT fk_refund_order_id FOREIGN KEY(order_id) REFERENCES trade_order (id), 
    CONSTRAINT fk_refund_lot_id FOREIGN KEY(lot_id) REFERENCES lot (id), 
    CONSTRAINT fk_refund_reversal_op_id FOREIGN KEY(reversal_op_id) REFERENCES money_op (id), 
    CONSTRAINT fk_refund_refund_op_id FOREIGN KEY(refund_op_id) REFERENCES money_op (id), 
    CONSTRAINT ck_refund_state CHECK (state IN ('declined', 'failed', 'paid', 'proposed', 'refunding', 'reversing', 'withdrawn'))
);
CREATE INDEX ix_refund_lot_id_id ON refund (lot_id, id);
CREATE INDEX ix_refund_refund_op_id ON refund (refund_op_id);
CREATE INDEX ix_refund_reversal_op_id ON refund (reversal_op_id);

CREATE UNIQUE INDEX uq_refund_open ON refund (lot_id) WHERE state IN ('proposed', 'reversing', 'refunding');

CREATE TABLE dispute_evidence (
    id TEXT NOT NULL, 
    dispute_id TEXT NOT NULL, 
    lot_id TEXT NOT NULL, 
    side TEXT NOT NULL, 
    org_id TEXT NOT NULL, 
    title TEXT NOT NULL, 
    media_type TEXT NOT NULL, 
    size_bytes INTEGER NOT NULL, 
    digest BYTEA NOT NULL, 
    kept_digest BYTEA NOT NULL, 
    sealed BOOLEAN NOT NULL, 
    at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_dispute_evidence PRIMARY KEY (id), 
    CONSTRAINT ck_dispute_evidence_side CHECK (side IN ('buyer', 'seller')), 
    CONSTRAINT ck_dispute_evidence_digests CHECK (octet_length(digest) = 32 AND octet_length(kept_digest) = 32), 
    CONSTRAINT fk_dispute_evidence_dispute_id FOREIGN KEY(dispute_id) REFERENCES dispute (id), 
    CONSTRAINT fk_dispute_evidence_lot_id FOREIGN KEY(lot_id) REFERENCES lot (id)
);
CREATE INDEX ix_dispute_evidence_dispute_id_id ON dispute_evidence (dispute_id, id);

-- What tables of the first release gained.
ALTER TABLE restraint ADD COLUMN directive_id TEXT;
ALTER TABLE agreement ADD COLUMN scan_digest BYTEA;
ALTER TABLE agreement ADD COLUMN standard TEXT DEFAULT '' NOT NULL;
ALTER TABLE agreement ADD COLUMN registration_number TEXT DEFAULT '' NOT NULL;
ALTER TABLE appointment ADD COLUMN proposed_by TEXT;
ALTER TABLE appointment ADD COLUMN confirmed_by TEXT;
ALTER TABLE catalogue_record ADD COLUMN revision INTEGER DEFAULT '1' NOT NULL;
ALTER TABLE catalogue_record ADD COLUMN words TSVECTOR DEFAULT '' NOT NULL;
ALTER TABLE deposit ADD COLUMN scan_failures INTEGER DEFAULT '0' NOT NULL;
ALTER TABLE signature ADD COLUMN authority_id TEXT;
ALTER TABLE source_authorisation ADD COLUMN columns JSONB DEFAULT '[]' NOT NULL;
ALTER TABLE version ADD COLUMN revises_id TEXT;
ALTER TABLE version ADD COLUMN change_note TEXT;
ALTER TABLE declared_source ADD COLUMN external_number TEXT DEFAULT '' NOT NULL;
ALTER TABLE declared_source ADD COLUMN not_intrusive BOOLEAN DEFAULT 'false' NOT NULL;
ALTER TABLE trade_order ADD COLUMN proposals INTEGER DEFAULT '1' NOT NULL;
ALTER TABLE trade_order ADD COLUMN proposed_by TEXT DEFAULT 'buyer' NOT NULL;
ALTER TABLE lot ADD COLUMN deposit_id TEXT;
ALTER TABLE lot ADD COLUMN extended_until TIMESTAMP WITH TIME ZONE;
ALTER TABLE lot ADD COLUMN reminded_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE lot ADD COLUMN held_too_long_at TIMESTAMP WITH TIME ZONE;
ALTER TABLE usage_grant ADD COLUMN deposit_id TEXT;
ALTER TABLE usage_grant ADD COLUMN told_number INTEGER DEFAULT '0' NOT NULL;
ALTER TABLE trade_order ALTER COLUMN buyer_signature_id DROP NOT NULL;
ALTER TABLE agreement DROP CONSTRAINT ck_agreement_state;
ALTER TABLE appointment DROP CONSTRAINT ck_appointment_state;
ALTER TABLE identity_case DROP CONSTRAINT ck_identity_case_state;
ALTER TABLE ledger_transfer DROP CONSTRAINT ck_ledger_transfer_shape;
ALTER TABLE trade_order DROP CONSTRAINT ck_trade_order_signed;
ALTER TABLE agreement ADD CONSTRAINT ck_agreement_scan CHECK (((state <> 'brought'::text) OR (scan_digest IS NOT NULL)));
ALTER TABLE agreement ADD CONSTRAINT ck_agreement_scan_digest CHECK ((octet_length(scan_digest) = 32));
ALTER TABLE agreement ADD CONSTRAINT ck_agreement_state CHECK ((state = ANY (ARRAY['brought'::text, 'declined'::text, 'draft'::text, 'ended'::text, 'in_force'::text, 'offered'::text, 'terminated'::text])));
ALTER TABLE appointment ADD CONSTRAINT ck_appointment_state CHECK ((state = ANY (ARRAY['accepted'::text, 'lapsed'::text, 'open'::text, 'proposed'::text, 'refused'::text])));
ALTER TABLE identity_case ADD CONSTRAINT ck_identity_case_state CHECK ((state = ANY (ARRAY['approved'::text, 'draft'::text, 'in_review'::text, 'lapsed'::text, 'refused'::text, 'renewing'::text, 'returned'::text, 'submitted'::text, 'suspended'::text])));
ALTER TABLE ledger_transfer ADD CONSTRAINT ck_ledger_transfer_shape CHECK ((((((kind || ' '::text) || split_part(debit_account, ':'::text, 1)) || ' '::text) || split_part(credit_account, ':'::text, 1)) = ANY ('{"fund cash hold","release hold payable","fee hold fee","pay_out payable cash","refund hold refundable","refund_paid refundable cash","reversal receivable hold","reversal_paid cash receivable","fee_return fee hold","chargeback hold cash","chargeback_won cash hold","gateway_cost cost cash","gateway_cost_returned cash cost","suspense_in cash suspense","suspense_out suspense cash"}'::text[])));
ALTER TABLE lot ADD CONSTRAINT fk_lot_deposit_id FOREIGN KEY (deposit_id) REFERENCES deposit(id);
ALTER TABLE signature ADD CONSTRAINT fk_signature_authority_id FOREIGN KEY (authority_id) REFERENCES letter_of_authority(id);
ALTER TABLE trade_order ADD CONSTRAINT ck_trade_order_proposals CHECK ((proposals > 0));
ALTER TABLE trade_order ADD CONSTRAINT ck_trade_order_proposed CHECK ((num_nonnulls(buyer_signature_id, seller_signature_id) > 0));
ALTER TABLE trade_order ADD CONSTRAINT ck_trade_order_proposed_by CHECK ((proposed_by = ANY (ARRAY['buyer'::text, 'seller'::text])));
ALTER TABLE trade_order ADD CONSTRAINT ck_trade_order_signed CHECK (((state = ANY (ARRAY['requested'::text, 'cancelled'::text])) OR (num_nulls(buyer_signature_id, seller_signature_id) = 0)));
ALTER TABLE usage_grant ADD CONSTRAINT fk_usage_grant_deposit_id FOREIGN KEY (deposit_id) REFERENCES deposit(id);
ALTER TABLE version ADD CONSTRAINT fk_version_revises_id FOREIGN KEY (revises_id) REFERENCES version(id);
CREATE INDEX ix_agreement_copy_owed ON agreement USING btree (id) WHERE ((state = 'in_force'::text) AND (copy_sent_at IS NULL));
CREATE INDEX ix_agreement_department_org_id_state_id ON agreement USING btree (department_org_id, state, id);
CREATE INDEX ix_agreement_incomplete ON agreement USING btree (id) WHERE ((state = ANY (ARRAY['offered'::text, 'brought'::text, 'in_force'::text])) AND ((data = '[]'::jsonb) OR (purposes = '[]'::jsonb) OR (application_scenario = ''::text) OR (security_measures = ''::text) OR (starts_on IS NULL) OR (ends_at IS NULL) OR (disposal = ''::text)));
CREATE INDEX ix_agreement_user_org_id_state_id ON agreement USING btree (user_org_id, state, id);
CREATE INDEX ix_attempt_window_started_at ON attempt USING btree (window_started_at);
CREATE INDEX ix_catalogue_record_open_attribute_id ON catalogue_record USING btree (open_attribute, id);
CREATE INDEX ix_catalogue_record_words ON catalogue_record USING gin (words);
CREATE INDEX ix_declaration_draft ON declaration USING btree (org_id, id) WHERE (state = 'draft'::text);
CREATE INDEX ix_declaration_replaces_id ON declaration USING btree (replaces_id);
CREATE INDEX ix_identity_case_waiting ON identity_case USING btree (submitted_at, id) WHERE (state = ANY (ARRAY['submitted'::text, 'in_review'::text, 'renewing'::text]));
CREATE INDEX ix_lot_deadline_at ON lot USING btree (deadline_at) WHERE (deadline_at IS NOT NULL);
CREATE INDEX ix_lot_held_too_long_at_id ON lot USING btree (held_too_long_at, id) WHERE (held_too_long_at IS NOT NULL);
CREATE INDEX ix_money_op_failed ON money_op USING btree (id) WHERE (state = 'failed'::text);
CREATE INDEX ix_money_op_org_id_id ON money_op USING btree (org_id, id);
CREATE INDEX ix_objection_open ON objection USING btree (id) WHERE (state = 'open'::text);
CREATE INDEX ix_outbox_done_at ON outbox USING btree (done_at) WHERE (done_at IS NOT NULL);
CREATE INDEX ix_request_key_at ON request_key USING btree (at);
CREATE INDEX ix_restraint_directive_id ON restraint USING btree (directive_id) WHERE (directive_id IS NOT NULL);
CREATE INDEX ix_trade_order_buyer_org_id_state_id ON trade_order USING btree (buyer_org_id, state, id);
CREATE INDEX ix_trade_order_seller_org_id_state_id ON trade_order USING btree (seller_org_id, state, id);
CREATE INDEX ix_usage_grant_told ON usage_grant USING btree (version_id, told_number) WHERE (state = 'live'::text);
CREATE INDEX ix_version_org_id_state_id ON version USING btree (org_id, state, id);

-- Guards and grants.
CREATE TRIGGER guard BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.case_file FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();
CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR DELETE OR UPDATE ON public.case_file DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');
CREATE TRIGGER guard BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.directive FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();
CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR DELETE OR UPDATE ON public.directive DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');
CREATE TRIGGER guard BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.dispute FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();
CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR DELETE OR UPDATE ON public.dispute DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('lot_id');
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.dispute_evidence FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only();
CREATE TRIGGER guard BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.dispute_evidence FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();
CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR DELETE OR UPDATE ON public.dispute_evidence DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('lot_id');
CREATE TRIGGER guard BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.filing FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();
CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR DELETE OR UPDATE ON public.filing DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');
CREATE TRIGGER guard BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.inspection FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();
CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR DELETE OR UPDATE ON public.inspection DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');
CREATE TRIGGER guard BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.invitation FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();
CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR DELETE OR UPDATE ON public.invitation DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.journal_check FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only();
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.journal_check_finding FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only();
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.journal_cosignature FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only();
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.journal_disagreement FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only();
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.journal_quorum FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only();
CREATE TRIGGER guard BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.letter_of_authority FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();
CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR DELETE OR UPDATE ON public.letter_of_authority DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');
CREATE TRIGGER guard BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.lot_extension FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();
CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR DELETE OR UPDATE ON public.lot_extension DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');
CREATE TRIGGER guard BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.oversight_scope FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();
CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR DELETE OR UPDATE ON public.oversight_scope DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('organ_id');
CREATE TRIGGER guard BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.password_reset FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();
CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR DELETE OR UPDATE ON public.password_reset DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('person_id');
CREATE TRIGGER guard BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.payment_order FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();
CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR DELETE OR UPDATE ON public.payment_order DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.proposal FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only();
CREATE TRIGGER guard BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.proposal FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();
CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR DELETE OR UPDATE ON public.proposal DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('order_id');
CREATE TRIGGER guard BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.recovery_code FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();
CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR DELETE OR UPDATE ON public.recovery_code DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('person_id');
CREATE TRIGGER guard BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.refund FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();
CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR DELETE OR UPDATE ON public.refund DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');
CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.trade_message FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only();
CREATE TRIGGER guard BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON public.trade_message FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();
CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR DELETE OR UPDATE ON public.trade_message DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('order_id');
GRANT INSERT, SELECT, UPDATE ON case_file TO databourse_app;
GRANT DELETE, INSERT, SELECT, UPDATE ON case_file_part TO databourse_app;
GRANT DELETE, INSERT, SELECT, UPDATE ON demonstration_person TO databourse_app;
GRANT INSERT, SELECT, UPDATE ON directive TO databourse_app;
GRANT INSERT, SELECT, UPDATE ON dispute TO databourse_app;
GRANT INSERT, SELECT ON dispute_evidence TO databourse_app;
GRANT INSERT, SELECT, UPDATE ON filing TO databourse_app;
GRANT INSERT, SELECT, UPDATE ON inspection TO databourse_app;
GRANT INSERT, SELECT, UPDATE ON invitation TO databourse_app;
GRANT INSERT, SELECT ON journal_check TO databourse_app;
GRANT INSERT, SELECT ON journal_check_finding TO databourse_app;
GRANT INSERT, SELECT ON journal_cosignature TO databourse_app;
GRANT INSERT, SELECT ON journal_disagreement TO databourse_app;
GRANT DELETE, INSERT, SELECT, UPDATE ON journal_projection TO databourse_app;
GRANT INSERT, SELECT ON journal_quorum TO databourse_app;
GRANT DELETE, INSERT, SELECT, UPDATE ON journal_terms TO databourse_app;
GRANT DELETE, INSERT, SELECT, UPDATE ON journal_witness TO databourse_app;
GRANT INSERT, SELECT, UPDATE ON letter_of_authority TO databourse_app;
GRANT INSERT, SELECT, UPDATE ON lot_extension TO databourse_app;
GRANT DELETE, INSERT, SELECT, UPDATE ON notification TO databourse_app;
GRANT DELETE, INSERT, SELECT, UPDATE ON notification_cursor TO databourse_app;
GRANT DELETE, INSERT, SELECT, UPDATE ON oversight_coverage TO databourse_app;
GRANT INSERT, SELECT, UPDATE ON oversight_scope TO databourse_app;
GRANT INSERT, SELECT, UPDATE ON password_reset TO databourse_app;
GRANT INSERT, SELECT, UPDATE ON payment_order TO databourse_app;
GRANT INSERT, SELECT ON proposal TO databourse_app;
GRANT INSERT, SELECT, UPDATE ON recovery_code TO databourse_app;
GRANT INSERT, SELECT, UPDATE ON refund TO databourse_app;
GRANT DELETE, INSERT, SELECT, UPDATE ON shelf_entry TO databourse_app;
GRANT DELETE, INSERT, SELECT, UPDATE ON subject_party TO databourse_app;
GRANT INSERT, SELECT ON trade_message TO databourse_app;
