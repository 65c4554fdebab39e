-- The schema of the first release: tables, guards, grants, the ledger's functions. Frozen: later changes are migrations.

CREATE TABLE attempt (
	bucket TEXT NOT NULL,
	count INTEGER NOT NULL,
	window_started_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_attempt PRIMARY KEY (bucket)
);

CREATE TABLE clock_offset (
	seconds BIGINT NOT NULL,
	subject TEXT NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_clock_offset PRIMARY KEY (seconds),
	CONSTRAINT ck_clock_offset_seconds CHECK (seconds > 0)
);

CREATE TABLE document (
	subject TEXT NOT NULL,
	digest BYTEA NOT NULL,
	kind TEXT NOT NULL,
	media_type TEXT NOT NULL,
	content BYTEA NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_document PRIMARY KEY (subject, digest),
	CONSTRAINT ck_document_digest CHECK (octet_length(digest) = 32),
	CONSTRAINT ck_document_content CHECK (octet_length(content) BETWEEN 1 AND 8388608)
);

CREATE INDEX ix_document_digest ON document (digest);

CREATE TABLE due (
	id BIGINT GENERATED ALWAYS AS IDENTITY,
	kind TEXT NOT NULL,
	subject TEXT NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	attempts INTEGER NOT NULL,
	retry_at TIMESTAMP WITH TIME ZONE,
	problem TEXT,
	CONSTRAINT pk_due PRIMARY KEY (id),
	CONSTRAINT uq_due_kind_subject UNIQUE (kind, subject)
);

CREATE INDEX ix_due_at_id ON due (at, id);

CREATE TABLE gateway_account (
	gateway TEXT NOT NULL,
	org_id TEXT NOT NULL,
	account_id TEXT NOT NULL,
	opened_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_gateway_account PRIMARY KEY (gateway, org_id),
	CONSTRAINT uq_gateway_account_gateway_account_id UNIQUE (gateway, account_id)
);

CREATE TABLE gateway_event (
	gateway TEXT NOT NULL,
	id TEXT NOT NULL,
	type TEXT NOT NULL,
	object_id TEXT,
	received_at TIMESTAMP WITH TIME ZONE NOT NULL,
	done_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_gateway_event PRIMARY KEY (gateway, id)
);

CREATE INDEX ix_gateway_event_received_at ON gateway_event (received_at) WHERE done_at IS NULL;

CREATE TABLE journal_checkpoint (
	size BIGINT NOT NULL,
	root BYTEA NOT NULL,
	note TEXT NOT NULL,
	signed_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_journal_checkpoint PRIMARY KEY (size)
);

CREATE TABLE journal_entry (
	id TEXT NOT NULL,
	txid xid8 DEFAULT pg_current_xact_id() NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	subject TEXT NOT NULL,
	seq BIGINT NOT NULL,
	action TEXT NOT NULL,
	org_id TEXT,
	person_id TEXT,
	links TEXT[] NOT NULL,
	body BYTEA NOT NULL,
	CONSTRAINT pk_journal_entry PRIMARY KEY (id),
	CONSTRAINT uq_journal_entry_subject_seq UNIQUE (subject, seq),
	CONSTRAINT ck_journal_entry_seq CHECK (seq > 0),
	CONSTRAINT ck_journal_entry_body CHECK (octet_length(body) BETWEEN 2 AND 65535)
);

CREATE INDEX ix_journal_entry_action_at ON journal_entry (action, at);

CREATE INDEX ix_journal_entry_at_id ON journal_entry (at, id);

CREATE INDEX ix_journal_entry_links ON journal_entry USING gin (links);

CREATE TABLE journal_leaf (
	index BIGINT NOT NULL,
	entry_id TEXT NOT NULL,
	CONSTRAINT pk_journal_leaf PRIMARY KEY (index),
	CONSTRAINT uq_journal_leaf_entry_id UNIQUE (entry_id),
	CONSTRAINT ck_journal_leaf_index CHECK ("index" >= 0)
);

CREATE TABLE journal_pending (
	position BIGINT GENERATED ALWAYS AS IDENTITY,
	entry_id TEXT NOT NULL,
	CONSTRAINT pk_journal_pending PRIMARY KEY (position)
);

CREATE TABLE journal_subject (
	subject TEXT NOT NULL,
	seq BIGINT NOT NULL,
	CONSTRAINT pk_journal_subject PRIMARY KEY (subject)
);

CREATE TABLE journal_tile (
	level INTEGER NOT NULL,
	index BIGINT NOT NULL,
	hashes BYTEA NOT NULL,
	CONSTRAINT pk_journal_tile PRIMARY KEY (level, index),
	CONSTRAINT ck_journal_tile_hashes CHECK (octet_length(hashes) BETWEEN 32 AND 8192)
);

CREATE TABLE ledger_account (
	code TEXT NOT NULL,
	kind TEXT NOT NULL,
	currency TEXT NOT NULL,
	balance_minor BIGINT DEFAULT 0 NOT NULL,
	CONSTRAINT pk_ledger_account PRIMARY KEY (code),
	CONSTRAINT ck_ledger_account_kind CHECK (kind IN ('payable', 'receivable', 'refundable', 'suspense')),
	CONSTRAINT ck_ledger_account_code CHECK (split_part(code, ':', 1) = kind AND split_part(code, ':', 3) = currency),
	CONSTRAINT ck_ledger_account_balance CHECK (balance_minor >= 0 OR kind = 'suspense')
);

CREATE TABLE ledger_transfer (
	id BIGINT GENERATED ALWAYS AS IDENTITY,
	kind TEXT NOT NULL,
	debit_account TEXT NOT NULL,
	credit_account TEXT NOT NULL,
	amount_minor BIGINT NOT NULL,
	currency TEXT NOT NULL,
	subject TEXT NOT NULL,
	op_id TEXT,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_ledger_transfer PRIMARY KEY (id),
	CONSTRAINT ck_ledger_transfer_amount CHECK (amount_minor BETWEEN 1 AND 1000000000000000),
	CONSTRAINT ck_ledger_transfer_currency CHECK (currency = ANY ('{CNY,EUR,GBP,HKD,JPY,SGD,USD}'::text[])),
	CONSTRAINT ck_ledger_transfer_shape CHECK (kind || ' ' || split_part(debit_account, ':', 1) || ' ' || split_part(credit_account, ':', 1) = ANY ('{fund cash hold,release hold payable,fee hold fee,pay_out payable cash,refund hold refundable,refund_paid refundable cash,reversal receivable hold,reversal_paid cash receivable,fee_return fee hold,chargeback hold cash,chargeback_won cash hold,gateway_cost cost cash,suspense_in cash suspense,suspense_out suspense cash}'::text[])),
	CONSTRAINT ck_ledger_transfer_accounts CHECK ((debit_account = 'hold:' || subject OR (debit_account NOT LIKE 'hold:%' AND debit_account LIKE '%:' || currency)) AND (credit_account = 'hold:' || subject OR (credit_account NOT LIKE 'hold:%' AND credit_account LIKE '%:' || currency)))
);

CREATE INDEX ix_ledger_transfer_credit_account_id ON ledger_transfer (credit_account, id) INCLUDE (amount_minor);

CREATE INDEX ix_ledger_transfer_debit_account_id ON ledger_transfer (debit_account, id) INCLUDE (amount_minor);

CREATE INDEX ix_ledger_transfer_subject_id ON ledger_transfer (subject, id);

CREATE TABLE lot_money (
	lot_id TEXT NOT NULL,
	currency TEXT NOT NULL,
	funded_minor BIGINT DEFAULT 0 NOT NULL,
	held_minor BIGINT DEFAULT 0 NOT NULL,
	released_minor BIGINT DEFAULT 0 NOT NULL,
	reversed_minor BIGINT DEFAULT 0 NOT NULL,
	refunded_minor BIGINT DEFAULT 0 NOT NULL,
	fee_minor BIGINT DEFAULT 0 NOT NULL,
	CONSTRAINT pk_lot_money PRIMARY KEY (lot_id),
	CONSTRAINT ck_lot_money_balanced CHECK (held_minor + (released_minor - reversed_minor) + refunded_minor + fee_minor = funded_minor),
	CONSTRAINT ck_lot_money_held CHECK (held_minor >= 0),
	CONSTRAINT ck_lot_money_paid CHECK (released_minor >= 0 AND reversed_minor BETWEEN 0 AND released_minor + fee_minor),
	CONSTRAINT ck_lot_money_returned CHECK (refunded_minor >= 0 AND fee_minor >= 0)
);

CREATE TABLE money_op (
	id TEXT NOT NULL,
	kind TEXT NOT NULL,
	state TEXT NOT NULL,
	gateway TEXT NOT NULL,
	lot_id TEXT NOT NULL,
	org_id TEXT NOT NULL,
	amount_minor BIGINT NOT NULL,
	currency TEXT NOT NULL,
	rests_on TEXT,
	request JSONB NOT NULL,
	gateway_id TEXT,
	charge_id TEXT,
	page_id TEXT,
	page_url TEXT,
	attempts INTEGER NOT NULL,
	planned_at TIMESTAMP WITH TIME ZONE NOT NULL,
	first_sent_at TIMESTAMP WITH TIME ZONE,
	retry_at TIMESTAMP WITH TIME ZONE NOT NULL,
	ended_at TIMESTAMP WITH TIME ZONE,
	problem TEXT,
	CONSTRAINT pk_money_op PRIMARY KEY (id),
	CONSTRAINT ck_money_op_kind CHECK (kind IN ('payment', 'transfer', 'refund', 'reversal', 'payout', 'chargeback')),
	CONSTRAINT ck_money_op_state CHECK (state IN ('planned', 'sent', 'unknown', 'confirmed', 'failed')),
	CONSTRAINT ck_money_op_amount CHECK (amount_minor BETWEEN 1 AND 1000000000000000),
	CONSTRAINT ck_money_op_confirmed CHECK (state <> 'confirmed' OR gateway_id IS NOT NULL),
	CONSTRAINT uq_money_op_gateway_gateway_id UNIQUE (gateway, gateway_id),
	CONSTRAINT uq_money_op_gateway_charge_id UNIQUE (gateway, charge_id),
	CONSTRAINT uq_money_op_gateway_page_id UNIQUE (gateway, page_id),
	CONSTRAINT fk_money_op_rests_on FOREIGN KEY(rests_on) REFERENCES money_op (id)
);

CREATE INDEX ix_money_op_lot_id_id ON money_op (lot_id, id);

CREATE INDEX ix_money_op_retry_at_id ON money_op (retry_at, id) WHERE state IN ('planned', 'sent', 'unknown');

CREATE TABLE organisation (
	id TEXT NOT NULL,
	kind TEXT NOT NULL,
	name TEXT NOT NULL,
	uscc TEXT,
	id_index BYTEA,
	sealed_id_number BYTEA,
	sealed_name BYTEA,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_organisation PRIMARY KEY (id),
	CONSTRAINT ck_organisation_kind CHECK (kind IN ('company', 'department', 'individual', 'operator', 'organ')),
	CONSTRAINT ck_organisation_uscc CHECK ((kind = 'individual') = (uscc IS NULL)),
	CONSTRAINT ck_organisation_id_index CHECK ((kind = 'individual') = (id_index IS NOT NULL)),
	CONSTRAINT uq_organisation_uscc UNIQUE (uscc),
	CONSTRAINT uq_organisation_id_index UNIQUE (id_index)
);

CREATE UNIQUE INDEX uq_organisation_operator ON organisation (kind) WHERE kind = 'operator';

CREATE TABLE outbox (
	id BIGINT GENERATED ALWAYS AS IDENTITY,
	kind TEXT NOT NULL,
	payload JSONB NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	retry_at TIMESTAMP WITH TIME ZONE NOT NULL,
	attempts INTEGER NOT NULL,
	done_at TIMESTAMP WITH TIME ZONE,
	problem TEXT,
	CONSTRAINT pk_outbox PRIMARY KEY (id)
);

CREATE INDEX ix_outbox_retry_at_id ON outbox (retry_at, id) WHERE done_at IS NULL;

CREATE TABLE payout_account (
	org_id TEXT NOT NULL,
	gateway TEXT NOT NULL,
	country TEXT NOT NULL,
	key_expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
	account_id TEXT,
	problem TEXT,
	id TEXT NOT NULL,
	state TEXT NOT NULL,
	row_version INTEGER NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_payout_account PRIMARY KEY (id),
	CONSTRAINT ck_payout_account_account CHECK ((state = 'ready') = (account_id IS NOT NULL)),
	CONSTRAINT ck_payout_account_problem CHECK ((state = 'failed') = (problem IS NOT NULL)),
	CONSTRAINT uq_payout_account_account_id UNIQUE (account_id),
	CONSTRAINT ck_payout_account_state CHECK (state IN ('failed', 'ready', 'requested'))
);

CREATE INDEX ix_payout_account_org_id_id ON payout_account (org_id, id);

CREATE UNIQUE INDEX uq_payout_account_live ON payout_account (gateway, org_id) WHERE state <> 'failed';

CREATE TABLE person (
	id TEXT NOT NULL,
	email_index BYTEA NOT NULL,
	sealed_email BYTEA NOT NULL,
	sealed_name BYTEA NOT NULL,
	password_hash TEXT,
	sealed_totp BYTEA,
	totp_confirmed_at TIMESTAMP WITH TIME ZONE,
	totp_step BIGINT,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_person PRIMARY KEY (id),
	CONSTRAINT uq_person_email_index UNIQUE (email_index)
);

CREATE TABLE request_key (
	actor TEXT NOT NULL,
	verb TEXT NOT NULL,
	key TEXT NOT NULL,
	body_digest BYTEA NOT NULL,
	subject_table TEXT,
	subject_id TEXT,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_request_key PRIMARY KEY (actor, verb, key)
);

CREATE TABLE restraint (
	id TEXT NOT NULL,
	subject TEXT NOT NULL,
	org_id TEXT NOT NULL,
	measure TEXT NOT NULL,
	basis TEXT NOT NULL,
	reason TEXT NOT NULL,
	since TIMESTAMP WITH TIME ZONE NOT NULL,
	lifted_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_restraint PRIMARY KEY (id)
);

CREATE INDEX ix_restraint_subject ON restraint (subject) WHERE lifted_at IS NULL;

CREATE TABLE subject_key (
	subject TEXT NOT NULL,
	wrapped BYTEA NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	destroyed_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_subject_key PRIMARY KEY (subject)
);

CREATE TABLE suspense_item (
	id TEXT NOT NULL,
	gateway TEXT NOT NULL,
	object_id TEXT NOT NULL,
	code TEXT NOT NULL,
	amount_minor BIGINT,
	currency TEXT,
	noted_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_suspense_item PRIMARY KEY (id),
	CONSTRAINT uq_suspense_item_gateway_object_id UNIQUE (gateway, object_id),
	CONSTRAINT ck_suspense_item_amount CHECK ((amount_minor IS NULL) = (currency IS NULL))
);

CREATE INDEX ix_suspense_item_noted_at_id ON suspense_item (noted_at, id);

CREATE TABLE work_calendar (
	date DATE NOT NULL,
	subject TEXT NOT NULL,
	is_working BOOLEAN NOT NULL,
	note TEXT NOT NULL,
	CONSTRAINT pk_work_calendar PRIMARY KEY (date)
);

CREATE TABLE work_year (
	year INTEGER NOT NULL,
	subject TEXT NOT NULL,
	provisional BOOLEAN NOT NULL,
	source TEXT NOT NULL,
	CONSTRAINT pk_work_year PRIMARY KEY (year)
);

CREATE TABLE agreement (
	department_org_id TEXT NOT NULL,
	user_org_id TEXT NOT NULL,
	basis TEXT NOT NULL,
	official_number TEXT NOT NULL,
	data JSONB NOT NULL,
	purposes JSONB NOT NULL,
	purpose_text TEXT NOT NULL,
	application_scenario TEXT NOT NULL,
	security_measures TEXT NOT NULL,
	starts_on DATE,
	ends_at TIMESTAMP WITH TIME ZONE,
	disposal TEXT NOT NULL,
	outputs_may_be_sold BOOLEAN NOT NULL,
	buyers_allowed JSONB NOT NULL,
	document_digest BYTEA,
	user_signature_id TEXT,
	department_signature_id TEXT,
	copy_sent_at TIMESTAMP WITH TIME ZONE,
	copy_sent_to TEXT,
	closing_reason TEXT,
	id TEXT NOT NULL,
	state TEXT NOT NULL,
	row_version INTEGER NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_agreement PRIMARY KEY (id),
	CONSTRAINT ck_agreement_basis CHECK (basis IN ('conditional_opening', 'authorised_operation')),
	CONSTRAINT ck_agreement_two_parties CHECK (department_org_id <> user_org_id),
	CONSTRAINT ck_agreement_document CHECK (state NOT IN ('offered', 'in_force') OR document_digest IS NOT NULL),
	CONSTRAINT fk_agreement_department_org_id FOREIGN KEY(department_org_id) REFERENCES organisation (id),
	CONSTRAINT fk_agreement_user_org_id FOREIGN KEY(user_org_id) REFERENCES organisation (id),
	CONSTRAINT ck_agreement_state CHECK (state IN ('declined', 'draft', 'ended', 'in_force', 'offered', 'terminated'))
);

CREATE INDEX ix_agreement_department_org_id_id ON agreement (department_org_id, id);

CREATE INDEX ix_agreement_user_org_id_id ON agreement (user_org_id, id);

CREATE TABLE appointment (
	person_id TEXT NOT NULL,
	org_id TEXT NOT NULL,
	roles JSONB NOT NULL,
	token_digest BYTEA NOT NULL,
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
	id TEXT NOT NULL,
	state TEXT NOT NULL,
	row_version INTEGER NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_appointment PRIMARY KEY (id),
	CONSTRAINT fk_appointment_person_id FOREIGN KEY(person_id) REFERENCES person (id),
	CONSTRAINT fk_appointment_org_id FOREIGN KEY(org_id) REFERENCES organisation (id),
	CONSTRAINT uq_appointment_token_digest UNIQUE (token_digest),
	CONSTRAINT ck_appointment_state CHECK (state IN ('accepted', 'lapsed', 'open'))
);

CREATE TABLE catalogue_record (
	id TEXT NOT NULL,
	department_org_id TEXT NOT NULL,
	official_number TEXT NOT NULL,
	title_zh TEXT NOT NULL,
	title_en TEXT NOT NULL,
	open_attribute TEXT NOT NULL,
	legal_basis TEXT NOT NULL,
	fields JSONB NOT NULL,
	update_frequency TEXT NOT NULL,
	source_line_zh TEXT NOT NULL,
	source_line_en TEXT NOT NULL,
	recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_catalogue_record PRIMARY KEY (id),
	CONSTRAINT ck_catalogue_record_open_attribute CHECK (open_attribute IN ('unconditional', 'conditional', 'closed')),
	CONSTRAINT ck_catalogue_record_legal_basis CHECK (open_attribute = 'unconditional' OR legal_basis <> ''),
	CONSTRAINT uq_catalogue_record_department_org_id_official_number UNIQUE (department_org_id, official_number),
	CONSTRAINT fk_catalogue_record_department_org_id FOREIGN KEY(department_org_id) REFERENCES organisation (id)
);

CREATE INDEX ix_catalogue_record_department_org_id_id ON catalogue_record (department_org_id, id);

CREATE TABLE declaration (
	org_id TEXT NOT NULL,
	replaces_id TEXT,
	revision INTEGER NOT NULL,
	ground TEXT,
	anonymisation_method TEXT NOT NULL,
	anonymisation_evidence BYTEA,
	processing_steps JSONB NOT NULL,
	personal_information BOOLEAN NOT NULL,
	truth_undertaken BOOLEAN NOT NULL,
	document_digest BYTEA,
	signature_id TEXT,
	signed_at TIMESTAMP WITH TIME ZONE,
	id TEXT NOT NULL,
	state TEXT NOT NULL,
	row_version INTEGER NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_declaration PRIMARY KEY (id),
	CONSTRAINT ck_declaration_ground CHECK (ground IS NULL OR ground IN ('A', 'B')),
	CONSTRAINT ck_declaration_signed CHECK (state <> 'signed' OR (truth_undertaken AND document_digest IS NOT NULL)),
	CONSTRAINT fk_declaration_org_id FOREIGN KEY(org_id) REFERENCES organisation (id),
	CONSTRAINT fk_declaration_replaces_id FOREIGN KEY(replaces_id) REFERENCES declaration (id),
	CONSTRAINT ck_declaration_state CHECK (state IN ('draft', 'signed'))
);

CREATE INDEX ix_declaration_id ON declaration (id) WHERE state = 'signed';

CREATE INDEX ix_declaration_org_id_id ON declaration (org_id, id);

CREATE TABLE deposit (
	org_id TEXT NOT NULL,
	file_name TEXT NOT NULL,
	media_type TEXT NOT NULL,
	size_bytes BIGINT NOT NULL,
	staging_key BYTEA NOT NULL,
	object_key TEXT,
	file_key BYTEA,
	digest BYTEA,
	plain_root BYTEA,
	sealed_root BYTEA,
	key_digest BYTEA,
	profile JSONB,
	code TEXT,
	id TEXT NOT NULL,
	state TEXT NOT NULL,
	row_version INTEGER NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_deposit PRIMARY KEY (id),
	CONSTRAINT ck_deposit_size_bytes CHECK (size_bytes > 0),
	CONSTRAINT ck_deposit_sealed CHECK (state NOT IN ('sealed', 'profiled') OR num_nonnulls(object_key, file_key, digest, plain_root, sealed_root, key_digest) = 6),
	CONSTRAINT ck_deposit_profile CHECK ((state = 'profiled') = (profile IS NOT NULL)),
	CONSTRAINT fk_deposit_org_id FOREIGN KEY(org_id) REFERENCES organisation (id),
	CONSTRAINT ck_deposit_state CHECK (state IN ('profiled', 'received', 'receiving', 'rejected', 'sealed'))
);

CREATE INDEX ix_deposit_digest ON deposit (digest);

CREATE INDEX ix_deposit_org_id_id ON deposit (org_id, id);

CREATE TABLE gateway_line (
	position BIGINT GENERATED ALWAYS AS IDENTITY,
	gateway TEXT NOT NULL,
	line_id TEXT NOT NULL,
	type TEXT NOT NULL,
	source_id TEXT,
	amount_minor BIGINT NOT NULL,
	fee_minor BIGINT NOT NULL,
	currency TEXT NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	op_id TEXT,
	suspense_id TEXT,
	CONSTRAINT pk_gateway_line PRIMARY KEY (position),
	CONSTRAINT uq_gateway_line_gateway_line_id UNIQUE (gateway, line_id),
	CONSTRAINT ck_gateway_line_met CHECK (num_nonnulls(op_id, suspense_id) <= 1),
	CONSTRAINT fk_gateway_line_op_id FOREIGN KEY(op_id) REFERENCES money_op (id),
	CONSTRAINT fk_gateway_line_suspense_id FOREIGN KEY(suspense_id) REFERENCES suspense_item (id)
);

CREATE INDEX ix_gateway_line_op_id ON gateway_line (op_id);

CREATE INDEX ix_gateway_line_unmet ON gateway_line (gateway, position) WHERE op_id IS NULL AND suspense_id IS NULL;

CREATE TABLE identity_case (
	org_id TEXT NOT NULL,
	sealed_details BYTEA NOT NULL,
	licence_expires_on DATE,
	submitted_by TEXT,
	submitted_at TIMESTAMP WITH TIME ZONE,
	reviewer_id TEXT,
	checklist JSONB,
	reason TEXT,
	decided_at TIMESTAMP WITH TIME ZONE,
	valid_until TIMESTAMP WITH TIME ZONE,
	id TEXT NOT NULL,
	state TEXT NOT NULL,
	row_version INTEGER NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_identity_case PRIMARY KEY (id),
	CONSTRAINT fk_identity_case_org_id FOREIGN KEY(org_id) REFERENCES organisation (id),
	CONSTRAINT ck_identity_case_state CHECK (state IN ('approved', 'draft', 'in_review', 'lapsed', 'refused', 'returned', 'submitted', 'suspended'))
);

CREATE INDEX ix_identity_case_org_id_id ON identity_case (org_id, id);

CREATE INDEX ix_identity_case_state_id ON identity_case (state, id);

CREATE UNIQUE INDEX uq_identity_case_live ON identity_case (org_id) WHERE state <> 'refused';

CREATE TABLE member_key (
	id TEXT NOT NULL,
	person_id TEXT NOT NULL,
	grade TEXT NOT NULL,
	public_key BYTEA NOT NULL,
	sealed_key BYTEA NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	revoked_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_member_key PRIMARY KEY (id),
	CONSTRAINT ck_member_key_public_key CHECK (octet_length(public_key) = 32),
	CONSTRAINT fk_member_key_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE UNIQUE INDEX uq_member_key_live ON member_key (person_id) WHERE revoked_at IS NULL;

CREATE TABLE membership (
	person_id TEXT NOT NULL,
	org_id TEXT NOT NULL,
	role TEXT NOT NULL,
	since TIMESTAMP WITH TIME ZONE NOT NULL,
	ended_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_membership PRIMARY KEY (person_id, org_id, role),
	CONSTRAINT ck_membership_role CHECK (role IN ('approver', 'finance', 'owner', 'regulator', 'trader', 'viewer')),
	CONSTRAINT fk_membership_person_id FOREIGN KEY(person_id) REFERENCES person (id),
	CONSTRAINT fk_membership_org_id FOREIGN KEY(org_id) REFERENCES organisation (id)
);

CREATE INDEX ix_membership_org_id ON membership (org_id);

CREATE TABLE product (
	id TEXT NOT NULL,
	org_id TEXT NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_product PRIMARY KEY (id),
	CONSTRAINT fk_product_org_id FOREIGN KEY(org_id) REFERENCES organisation (id)
);

CREATE INDEX ix_product_org_id_id ON product (org_id, id);

CREATE TABLE session_token (
	token_digest BYTEA NOT NULL,
	person_id TEXT NOT NULL,
	org_id TEXT NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
	second_factor_at TIMESTAMP WITH TIME ZONE,
	revoked_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_session_token PRIMARY KEY (token_digest),
	CONSTRAINT fk_session_token_person_id FOREIGN KEY(person_id) REFERENCES person (id),
	CONSTRAINT fk_session_token_org_id FOREIGN KEY(org_id) REFERENCES organisation (id)
);

CREATE INDEX ix_session_token_person_id ON session_token (person_id) WHERE revoked_at IS NULL;

CREATE TABLE staff_role (
	person_id TEXT NOT NULL,
	role TEXT NOT NULL,
	since TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_staff_role PRIMARY KEY (person_id, role),
	CONSTRAINT ck_staff_role_role CHECK (role IN ('administrator', 'auditor', 'compliance_reviewer', 'dispute_officer', 'security_administrator', 'settlement_officer', 'vetting_officer')),
	CONSTRAINT fk_staff_role_person_id FOREIGN KEY(person_id) REFERENCES person (id)
);

CREATE TABLE acquisition (
	id TEXT NOT NULL,
	org_id TEXT NOT NULL,
	declaration_id TEXT NOT NULL,
	reference TEXT NOT NULL,
	onward_allowed BOOLEAN NOT NULL,
	purposes JSONB NOT NULL,
	acquired_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_acquisition PRIMARY KEY (id),
	CONSTRAINT uq_acquisition_reference UNIQUE (reference),
	CONSTRAINT fk_acquisition_org_id FOREIGN KEY(org_id) REFERENCES organisation (id),
	CONSTRAINT fk_acquisition_declaration_id FOREIGN KEY(declaration_id) REFERENCES declaration (id)
);

CREATE INDEX ix_acquisition_org_id_id ON acquisition (org_id, id);

CREATE TABLE deposit_segment (
	deposit_id TEXT NOT NULL,
	start BIGINT NOT NULL,
	stop BIGINT NOT NULL,
	object_key TEXT NOT NULL,
	CONSTRAINT pk_deposit_segment PRIMARY KEY (deposit_id, start),
	CONSTRAINT ck_deposit_segment_range CHECK (0 <= start AND start < stop),
	CONSTRAINT fk_deposit_segment_deposit_id FOREIGN KEY(deposit_id) REFERENCES deposit (id)
);

CREATE TABLE identity_document (
	id TEXT NOT NULL,
	case_id TEXT NOT NULL,
	kind TEXT NOT NULL,
	media_type TEXT NOT NULL,
	size_bytes INTEGER NOT NULL,
	digest BYTEA NOT NULL,
	sealed BYTEA NOT NULL,
	added_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_identity_document PRIMARY KEY (id),
	CONSTRAINT ck_identity_document_kind CHECK (kind IN ('authority_letter', 'business_licence', 'id_document', 'other', 'permit', 'registration_certificate')),
	CONSTRAINT fk_identity_document_case_id FOREIGN KEY(case_id) REFERENCES identity_case (id)
);

CREATE INDEX ix_identity_document_case_id_id ON identity_document (case_id, id);

CREATE TABLE signature (
	id TEXT NOT NULL,
	subject TEXT NOT NULL,
	key_id TEXT NOT NULL,
	org_id TEXT NOT NULL,
	public_key BYTEA NOT NULL,
	digest BYTEA NOT NULL,
	signature BYTEA NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_signature PRIMARY KEY (id),
	CONSTRAINT ck_signature_digest CHECK (octet_length(digest) = 32),
	CONSTRAINT ck_signature_signature CHECK (octet_length(signature) = 64),
	CONSTRAINT fk_signature_key_id FOREIGN KEY(key_id) REFERENCES member_key (id),
	CONSTRAINT fk_signature_org_id FOREIGN KEY(org_id) REFERENCES organisation (id)
);

CREATE INDEX ix_signature_subject_id ON signature (subject, id);

CREATE TABLE source_authorisation (
	id TEXT NOT NULL,
	declaration_id TEXT NOT NULL,
	revision INTEGER NOT NULL,
	grantor TEXT NOT NULL,
	data TEXT NOT NULL,
	purposes JSONB NOT NULL,
	onward_allowed BOOLEAN NOT NULL,
	starts_at TIMESTAMP WITH TIME ZONE NOT NULL,
	ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
	evidence_digest BYTEA NOT NULL,
	withdrawn_at TIMESTAMP WITH TIME ZONE,
	withdrawal_reason TEXT,
	CONSTRAINT pk_source_authorisation PRIMARY KEY (id),
	CONSTRAINT ck_source_authorisation_evidence_digest CHECK (octet_length(evidence_digest) = 32),
	CONSTRAINT ck_source_authorisation_term CHECK (starts_at < ends_at),
	CONSTRAINT fk_source_authorisation_declaration_id FOREIGN KEY(declaration_id) REFERENCES declaration (id)
);

CREATE INDEX ix_source_authorisation_declaration_id_revision ON source_authorisation (declaration_id, revision);

CREATE TABLE version (
	product_id TEXT NOT NULL,
	org_id TEXT NOT NULL,
	number INTEGER NOT NULL,
	title_zh TEXT NOT NULL,
	title_en TEXT NOT NULL,
	description_zh TEXT NOT NULL,
	description_en TEXT NOT NULL,
	category TEXT NOT NULL,
	grade TEXT NOT NULL,
	deposit_id TEXT,
	declaration_id TEXT,
	submission INTEGER NOT NULL,
	submitted_at TIMESTAMP WITH TIME ZONE,
	listing_digest BYTEA,
	review_due_at TIMESTAMP WITH TIME ZONE,
	urgency BIGINT,
	reviewer_id TEXT,
	notice_ends_at TIMESTAMP WITH TIME ZONE,
	notice_provisional BOOLEAN,
	published_at TIMESTAMP WITH TIME ZONE,
	id TEXT NOT NULL,
	state TEXT NOT NULL,
	row_version INTEGER NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_version PRIMARY KEY (id),
	CONSTRAINT uq_version_product_id_number UNIQUE (product_id, number),
	CONSTRAINT ck_version_grade CHECK (grade IN ('core', 'general', 'important')),
	CONSTRAINT ck_version_category CHECK (category IN ('agriculture', 'business', 'construction', 'culture', 'education', 'environment', 'finance', 'health', 'hospitality', 'information', 'international', 'manufacturing', 'mining', 'public_administration', 'real_estate', 'residents', 'science', 'trade', 'transport', 'utilities')),
	CONSTRAINT fk_version_product_id FOREIGN KEY(product_id) REFERENCES product (id),
	CONSTRAINT fk_version_org_id FOREIGN KEY(org_id) REFERENCES organisation (id),
	CONSTRAINT fk_version_deposit_id FOREIGN KEY(deposit_id) REFERENCES deposit (id),
	CONSTRAINT fk_version_declaration_id FOREIGN KEY(declaration_id) REFERENCES declaration (id),
	CONSTRAINT ck_version_state CHECK (state IN ('draft', 'in_review', 'notice', 'published', 'refused', 'returned', 'scanned', 'submitted', 'superseded', 'suspended', 'withdrawn'))
);

CREATE INDEX ix_version_declaration_id ON version (declaration_id);

CREATE INDEX ix_version_deposit_id ON version (deposit_id);

CREATE INDEX ix_version_org_id_id ON version (org_id, id);

CREATE INDEX ix_version_state_category_id ON version (state, category, id);

CREATE INDEX ix_version_state_id ON version (state, id);

CREATE INDEX ix_version_urgency_id ON version (urgency, id) WHERE state IN ('scanned', 'in_review');

CREATE UNIQUE INDEX uq_version_published ON version (product_id) WHERE state IN ('published', 'suspended');

CREATE TABLE declared_source (
	declaration_id TEXT NOT NULL,
	revision INTEGER NOT NULL,
	position INTEGER NOT NULL,
	kind TEXT NOT NULL,
	title TEXT NOT NULL,
	holder TEXT NOT NULL,
	holder_org_id TEXT,
	method TEXT NOT NULL,
	collected_from DATE,
	collected_to DATE,
	territory TEXT NOT NULL,
	licence TEXT NOT NULL,
	evidence_digest BYTEA,
	retrieved_at TIMESTAMP WITH TIME ZONE,
	record_id TEXT,
	agreement_id TEXT,
	acquisition_id TEXT,
	use TEXT NOT NULL,
	CONSTRAINT pk_declared_source PRIMARY KEY (declaration_id, revision, position),
	CONSTRAINT ck_declared_source_kind CHECK (kind IN ('self_collected', 'public', 'purchased_here', 'purchased_elsewhere', 'individuals', 'government_open', 'government_authorised', 'shared', 'synthetic', 'web')),
	CONSTRAINT ck_declared_source_use CHECK ("use" IN ('incorporated', 'derived', 'trained', 'validated', 'reference')),
	CONSTRAINT ck_declared_source_evidence_digest CHECK (octet_length(evidence_digest) = 32),
	CONSTRAINT fk_declared_source_declaration_id FOREIGN KEY(declaration_id) REFERENCES declaration (id),
	CONSTRAINT fk_declared_source_holder_org_id FOREIGN KEY(holder_org_id) REFERENCES organisation (id),
	CONSTRAINT fk_declared_source_record_id FOREIGN KEY(record_id) REFERENCES catalogue_record (id),
	CONSTRAINT fk_declared_source_agreement_id FOREIGN KEY(agreement_id) REFERENCES agreement (id),
	CONSTRAINT fk_declared_source_acquisition_id FOREIGN KEY(acquisition_id) REFERENCES acquisition (id)
);

CREATE TABLE objection (
	version_id TEXT NOT NULL,
	org_id TEXT NOT NULL,
	person_id TEXT NOT NULL,
	statement TEXT NOT NULL,
	decided_by TEXT,
	answer TEXT,
	decided_at TIMESTAMP WITH TIME ZONE,
	id TEXT NOT NULL,
	state TEXT NOT NULL,
	row_version INTEGER NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_objection PRIMARY KEY (id),
	CONSTRAINT fk_objection_version_id FOREIGN KEY(version_id) REFERENCES version (id),
	CONSTRAINT fk_objection_org_id FOREIGN KEY(org_id) REFERENCES organisation (id),
	CONSTRAINT ck_objection_state CHECK (state IN ('dismissed', 'open', 'upheld'))
);

CREATE INDEX ix_objection_version_id_id ON objection (version_id, id);

CREATE TABLE offer (
	version_id TEXT NOT NULL,
	product_id TEXT NOT NULL,
	org_id TEXT NOT NULL,
	amount_minor BIGINT NOT NULL,
	currency TEXT NOT NULL,
	channel TEXT NOT NULL,
	exchange_name TEXT,
	purposes JSONB NOT NULL,
	term_days INTEGER NOT NULL,
	territory TEXT NOT NULL,
	redistribution BOOLEAN NOT NULL,
	derivation BOOLEAN NOT NULL,
	inspection_hours INTEGER NOT NULL,
	delivery TEXT NOT NULL,
	acceptance_criteria TEXT NOT NULL,
	id TEXT NOT NULL,
	state TEXT NOT NULL,
	row_version INTEGER NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_offer PRIMARY KEY (id),
	CONSTRAINT ck_offer_amount_minor CHECK (amount_minor > 0),
	CONSTRAINT ck_offer_term_days CHECK (term_days > 0),
	CONSTRAINT ck_offer_inspection_hours CHECK (inspection_hours > 0),
	CONSTRAINT ck_offer_channel CHECK (channel IN ('direct', 'exchange', 'other_exchange')),
	CONSTRAINT ck_offer_delivery CHECK (delivery IN ('deposit', 'on_order')),
	CONSTRAINT ck_offer_exchange_name CHECK ((channel = 'other_exchange') = (exchange_name IS NOT NULL)),
	CONSTRAINT fk_offer_version_id FOREIGN KEY(version_id) REFERENCES version (id),
	CONSTRAINT fk_offer_product_id FOREIGN KEY(product_id) REFERENCES product (id),
	CONSTRAINT fk_offer_org_id FOREIGN KEY(org_id) REFERENCES organisation (id),
	CONSTRAINT ck_offer_state CHECK (state IN ('closed', 'open'))
);

CREATE INDEX ix_offer_org_id_id ON offer (org_id, id);

CREATE INDEX ix_offer_version_id_id ON offer (version_id, id);

CREATE TABLE review (
	id TEXT NOT NULL,
	version_id TEXT NOT NULL,
	submission INTEGER NOT NULL,
	reviewer_id TEXT NOT NULL,
	decision TEXT NOT NULL,
	checklist JSONB NOT NULL,
	reason TEXT NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_review PRIMARY KEY (id),
	CONSTRAINT ck_review_decision CHECK (decision IN ('approve', 'refuse', 'restore', 'return', 'suspend')),
	CONSTRAINT fk_review_version_id FOREIGN KEY(version_id) REFERENCES version (id)
);

CREATE INDEX ix_review_version_id_id ON review (version_id, id);

CREATE TABLE trade_order (
	offer_id TEXT NOT NULL,
	product_id TEXT NOT NULL,
	version_id TEXT NOT NULL,
	declaration_id TEXT NOT NULL,
	buyer_org_id TEXT NOT NULL,
	seller_org_id TEXT NOT NULL,
	amount_minor BIGINT NOT NULL,
	currency TEXT NOT NULL,
	fee_basis_points INTEGER NOT NULL,
	purpose TEXT NOT NULL,
	terms JSONB NOT NULL,
	government_derived BOOLEAN NOT NULL,
	disputes TEXT NOT NULL,
	contract_digest BYTEA NOT NULL,
	buyer_signature_id TEXT NOT NULL,
	seller_signature_id TEXT,
	deadline_at TIMESTAMP WITH TIME ZONE NOT NULL,
	closing_reason TEXT,
	id TEXT NOT NULL,
	state TEXT NOT NULL,
	row_version INTEGER NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_trade_order PRIMARY KEY (id),
	CONSTRAINT ck_trade_order_two_parties CHECK (buyer_org_id <> seller_org_id),
	CONSTRAINT ck_trade_order_amount CHECK (amount_minor BETWEEN 1 AND 1000000000000000),
	CONSTRAINT ck_trade_order_fee CHECK (fee_basis_points BETWEEN 0 AND 9999),
	CONSTRAINT ck_trade_order_contract_digest CHECK (octet_length(contract_digest) = 32),
	CONSTRAINT ck_trade_order_disputes CHECK (disputes IN ('officer', 'none')),
	CONSTRAINT ck_trade_order_signed CHECK (state IN ('requested', 'cancelled') OR seller_signature_id IS NOT NULL),
	CONSTRAINT fk_trade_order_offer_id FOREIGN KEY(offer_id) REFERENCES offer (id),
	CONSTRAINT fk_trade_order_product_id FOREIGN KEY(product_id) REFERENCES product (id),
	CONSTRAINT fk_trade_order_version_id FOREIGN KEY(version_id) REFERENCES version (id),
	CONSTRAINT ck_trade_order_state CHECK (state IN ('agreed', 'cancelled', 'completed', 'open', 'refunded', 'requested', 'terminated'))
);

CREATE INDEX ix_trade_order_buyer_org_id_id ON trade_order (buyer_org_id, id);

CREATE INDEX ix_trade_order_seller_org_id_id ON trade_order (seller_org_id, id);

CREATE INDEX ix_trade_order_version_id_id ON trade_order (version_id, id);

CREATE TABLE lot (
	order_id TEXT NOT NULL,
	number INTEGER NOT NULL,
	amount_minor BIGINT NOT NULL,
	currency TEXT NOT NULL,
	delivery TEXT NOT NULL,
	deadline_at TIMESTAMP WITH TIME ZONE,
	clock_stopped_at TIMESTAMP WITH TIME ZONE,
	redeliveries_left INTEGER NOT NULL,
	available_at TIMESTAMP WITH TIME ZONE,
	accepted_at TIMESTAMP WITH TIME ZONE,
	settled_at TIMESTAMP WITH TIME ZONE,
	closing_reason TEXT,
	dispute_reason TEXT,
	dispute_evidence BYTEA,
	proposed_share_percent INTEGER,
	proposed_by TEXT,
	seller_share_percent INTEGER,
	ruled_by TEXT,
	rulings INTEGER NOT NULL,
	chargeback_hold BOOLEAN NOT NULL,
	id TEXT NOT NULL,
	state TEXT NOT NULL,
	row_version INTEGER NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_lot PRIMARY KEY (id),
	CONSTRAINT uq_lot_order_id_number UNIQUE (order_id, number),
	CONSTRAINT ck_lot_amount CHECK (amount_minor BETWEEN 1 AND 1000000000000000),
	CONSTRAINT ck_lot_delivery CHECK (delivery IN ('deposit', 'on_order')),
	CONSTRAINT ck_lot_counts CHECK (redeliveries_left >= 0 AND rulings >= 0),
	CONSTRAINT ck_lot_seller_share_percent CHECK (seller_share_percent BETWEEN 0 AND 100),
	CONSTRAINT ck_lot_proposed_share_percent CHECK (proposed_share_percent BETWEEN 0 AND 100),
	CONSTRAINT ck_lot_proposal CHECK ((proposed_share_percent IS NULL) = (proposed_by IS NULL)),
	CONSTRAINT ck_lot_ruled CHECK (state <> 'ruled' OR seller_share_percent IS NOT NULL),
	CONSTRAINT fk_lot_order_id FOREIGN KEY(order_id) REFERENCES trade_order (id),
	CONSTRAINT ck_lot_state CHECK (state IN ('accepted', 'cancelled', 'delivered', 'disputed', 'due', 'funded', 'refunded', 'refunding', 'ruled', 'settled'))
);

CREATE INDEX ix_lot_state_id ON lot (state, id);

CREATE TABLE party_check (
	id TEXT NOT NULL,
	subject TEXT NOT NULL,
	order_id TEXT NOT NULL,
	step TEXT NOT NULL,
	org_id TEXT NOT NULL,
	case_id TEXT NOT NULL,
	valid_until TIMESTAMP WITH TIME ZONE NOT NULL,
	at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_party_check PRIMARY KEY (id),
	CONSTRAINT fk_party_check_order_id FOREIGN KEY(order_id) REFERENCES trade_order (id)
);

CREATE INDEX ix_party_check_order_id_id ON party_check (order_id, id);

CREATE TABLE voucher (
	number TEXT NOT NULL,
	order_id TEXT NOT NULL,
	buyer_org_id TEXT NOT NULL,
	seller_org_id TEXT NOT NULL,
	title_zh TEXT NOT NULL,
	title_en TEXT NOT NULL,
	document_digest BYTEA NOT NULL,
	note_digest BYTEA NOT NULL,
	id TEXT NOT NULL,
	state TEXT NOT NULL,
	row_version INTEGER NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_voucher PRIMARY KEY (id),
	CONSTRAINT uq_voucher_number UNIQUE (number),
	CONSTRAINT uq_voucher_order_id UNIQUE (order_id),
	CONSTRAINT fk_voucher_order_id FOREIGN KEY(order_id) REFERENCES trade_order (id),
	CONSTRAINT ck_voucher_state CHECK (state IN ('suspended', 'valid', 'void'))
);

CREATE INDEX ix_voucher_buyer_org_id_id ON voucher (buyer_org_id, id);

CREATE INDEX ix_voucher_seller_org_id_id ON voucher (seller_org_id, id);

CREATE TABLE usage_grant (
	order_id TEXT NOT NULL,
	lot_id TEXT NOT NULL,
	org_id TEXT NOT NULL,
	version_id TEXT NOT NULL,
	ends_at TIMESTAMP WITH TIME ZONE NOT NULL,
	media_type TEXT,
	size_bytes BIGINT,
	digest BYTEA,
	plain_root BYTEA,
	closing_reason TEXT,
	id TEXT NOT NULL,
	state TEXT NOT NULL,
	row_version INTEGER NOT NULL,
	created_at TIMESTAMP WITH TIME ZONE NOT NULL,
	changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_usage_grant PRIMARY KEY (id),
	CONSTRAINT ck_usage_grant_file CHECK (num_nonnulls(media_type, size_bytes, digest, plain_root) IN (0, 4)),
	CONSTRAINT fk_usage_grant_order_id FOREIGN KEY(order_id) REFERENCES trade_order (id),
	CONSTRAINT fk_usage_grant_lot_id FOREIGN KEY(lot_id) REFERENCES lot (id),
	CONSTRAINT fk_usage_grant_version_id FOREIGN KEY(version_id) REFERENCES version (id),
	CONSTRAINT ck_usage_grant_state CHECK (state IN ('expired', 'live', 'revoked'))
);

CREATE INDEX ix_usage_grant_lot_id_id ON usage_grant (lot_id, id);

CREATE INDEX ix_usage_grant_order_id ON usage_grant (order_id);

CREATE INDEX ix_usage_grant_org_id_id ON usage_grant (org_id, id);

CREATE UNIQUE INDEX uq_usage_grant_live ON usage_grant (lot_id) WHERE state = 'live';

CREATE TABLE receipt (
	id TEXT NOT NULL,
	lot_id TEXT NOT NULL,
	grant_id TEXT NOT NULL,
	served_root BYTEA,
	served_at TIMESTAMP WITH TIME ZONE,
	received_digest BYTEA,
	received_at TIMESTAMP WITH TIME ZONE,
	received_by TEXT,
	problem TEXT,
	document_digest BYTEA,
	note_digest BYTEA,
	completed_at TIMESTAMP WITH TIME ZONE,
	CONSTRAINT pk_receipt PRIMARY KEY (id),
	CONSTRAINT ck_receipt_served CHECK ((served_root IS NULL) = (served_at IS NULL)),
	CONSTRAINT ck_receipt_received CHECK (num_nonnulls(received_digest, received_at, received_by) IN (0, 3)),
	CONSTRAINT ck_receipt_document CHECK (num_nonnulls(document_digest, note_digest, completed_at) IN (0, 3)),
	CONSTRAINT ck_receipt_complete CHECK (document_digest IS NULL OR problem IS NULL),
	CONSTRAINT ck_receipt_problem CHECK (problem IN ('goods_broken', 'served_differs', 'received_differs')),
	CONSTRAINT fk_receipt_lot_id FOREIGN KEY(lot_id) REFERENCES lot (id),
	CONSTRAINT uq_receipt_grant_id UNIQUE (grant_id),
	CONSTRAINT fk_receipt_grant_id FOREIGN KEY(grant_id) REFERENCES usage_grant (id)
);

CREATE INDEX ix_receipt_lot_id_id ON receipt (lot_id, id);

CREATE TABLE ticket (
	id TEXT NOT NULL,
	lot_id TEXT NOT NULL,
	grant_id TEXT NOT NULL,
	person_id TEXT NOT NULL,
	org_id TEXT NOT NULL,
	token_digest BYTEA NOT NULL,
	expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_ticket PRIMARY KEY (id),
	CONSTRAINT ck_ticket_token_digest CHECK (octet_length(token_digest) = 32),
	CONSTRAINT fk_ticket_lot_id FOREIGN KEY(lot_id) REFERENCES lot (id),
	CONSTRAINT fk_ticket_grant_id FOREIGN KEY(grant_id) REFERENCES usage_grant (id),
	CONSTRAINT uq_ticket_token_digest UNIQUE (token_digest)
);

CREATE INDEX ix_ticket_grant_id_id ON ticket (grant_id, id);

CREATE TABLE served_range (
	id BIGINT GENERATED ALWAYS AS IDENTITY,
	grant_id TEXT NOT NULL,
	ticket_id TEXT NOT NULL,
	start BIGINT NOT NULL,
	stop BIGINT NOT NULL,
	leaves BYTEA NOT NULL,
	completed_at TIMESTAMP WITH TIME ZONE NOT NULL,
	CONSTRAINT pk_served_range PRIMARY KEY (id),
	CONSTRAINT ck_served_range_range CHECK (0 <= start AND start < stop),
	CONSTRAINT fk_served_range_grant_id FOREIGN KEY(grant_id) REFERENCES usage_grant (id),
	CONSTRAINT fk_served_range_ticket_id FOREIGN KEY(ticket_id) REFERENCES ticket (id)
);

CREATE INDEX ix_served_range_grant_id_start_stop ON served_range (grant_id, start, stop);

CREATE INDEX ix_served_range_ticket_id ON served_range (ticket_id);

CREATE FUNCTION databourse_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('databourse.tx', true), '') = '' THEN
        RAISE EXCEPTION 'table % is written outside a transaction of the exchange', TG_TABLE_NAME
            USING ERRCODE = 'DB001';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION databourse_owes_entry() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    about text;
    told xid8;
BEGIN
    EXECUTE format('SELECT ($1).%I', TG_ARGV[0]) INTO about USING coalesce(NEW, OLD);
    SELECT txid INTO told FROM journal_entry WHERE subject = about ORDER BY seq DESC LIMIT 1;
    IF told IS DISTINCT FROM pg_current_xact_id() THEN
        RAISE EXCEPTION 'table % was written and no entry tells of %', TG_TABLE_NAME, about
            USING ERRCODE = 'DB002';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION databourse_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'table % is append-only', TG_TABLE_NAME USING ERRCODE = 'DB003';
END $$;

CREATE FUNCTION databourse_await_index() RETURNS trigger LANGUAGE plpgsql
    SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO journal_pending (entry_id) VALUES (NEW.id);
    RETURN NULL;
END $$;

GRANT SELECT, INSERT, UPDATE, DELETE ON attempt TO databourse_app;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON clock_offset FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only();

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON clock_offset FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON clock_offset DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('subject');

GRANT SELECT, INSERT ON clock_offset TO databourse_app;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON document FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only();

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON document FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON document DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('subject');

GRANT SELECT, INSERT ON document TO databourse_app;

GRANT SELECT, INSERT, UPDATE, DELETE ON due TO databourse_app;

GRANT SELECT, INSERT ON gateway_account TO databourse_app;

GRANT SELECT, INSERT, UPDATE ON gateway_event TO databourse_app;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal_checkpoint FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only();

GRANT SELECT ON journal_checkpoint TO databourse_app;

GRANT SELECT, INSERT ON journal_checkpoint TO databourse_sequencer;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal_entry FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only();

GRANT SELECT, INSERT ON journal_entry TO databourse_app;

GRANT SELECT ON journal_entry TO databourse_sequencer;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal_leaf FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only();

GRANT SELECT ON journal_leaf TO databourse_app;

GRANT SELECT, INSERT ON journal_leaf TO databourse_sequencer;

GRANT SELECT ON journal_pending TO databourse_app;

GRANT SELECT, DELETE ON journal_pending TO databourse_sequencer;

GRANT SELECT, INSERT, UPDATE ON journal_subject TO databourse_app;

GRANT SELECT ON journal_tile TO databourse_app;

GRANT SELECT, INSERT, UPDATE ON journal_tile TO databourse_sequencer;

GRANT SELECT ON ledger_account TO databourse_app;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger_transfer FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only();

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON ledger_transfer FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON ledger_transfer DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('subject');

GRANT SELECT, INSERT ON ledger_transfer TO databourse_app;

GRANT SELECT ON lot_money TO databourse_app;

GRANT SELECT, INSERT, UPDATE ON money_op TO databourse_app;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON organisation FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON organisation DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');

GRANT SELECT, INSERT, UPDATE ON organisation TO databourse_app;

GRANT SELECT, INSERT, UPDATE, DELETE ON outbox TO databourse_app;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON payout_account FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON payout_account DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');

GRANT SELECT, INSERT, UPDATE ON payout_account TO databourse_app;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON person FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON person DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');

GRANT SELECT, INSERT, UPDATE ON person TO databourse_app;

GRANT SELECT, INSERT, UPDATE, DELETE ON request_key TO databourse_app;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON restraint FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON restraint DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('subject');

GRANT SELECT, INSERT, UPDATE ON restraint TO databourse_app;

GRANT SELECT, INSERT, UPDATE ON subject_key TO databourse_app;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON suspense_item FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON suspense_item DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');

GRANT SELECT, INSERT, UPDATE ON suspense_item TO databourse_app;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON work_calendar FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON work_calendar DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('subject');

GRANT SELECT, INSERT, UPDATE ON work_calendar TO databourse_app;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON work_year FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON work_year DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('subject');

GRANT SELECT, INSERT, UPDATE ON work_year TO databourse_app;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON agreement FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON agreement DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');

GRANT SELECT, INSERT, UPDATE ON agreement TO databourse_app;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON appointment FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON appointment DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');

GRANT SELECT, INSERT, UPDATE ON appointment TO databourse_app;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON catalogue_record FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON catalogue_record DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');

GRANT SELECT, INSERT, UPDATE ON catalogue_record TO databourse_app;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON declaration FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON declaration DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');

GRANT SELECT, INSERT, UPDATE ON declaration TO databourse_app;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON deposit FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON deposit DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');

GRANT SELECT, INSERT, UPDATE ON deposit TO databourse_app;

GRANT SELECT, INSERT, UPDATE ON gateway_line TO databourse_app;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON identity_case FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON identity_case DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');

GRANT SELECT, INSERT, UPDATE ON identity_case TO databourse_app;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON member_key FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON member_key DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('person_id');

GRANT SELECT, INSERT, UPDATE ON member_key TO databourse_app;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON membership FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON membership DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('org_id');

GRANT SELECT, INSERT, UPDATE ON membership TO databourse_app;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON product FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON product DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');

GRANT SELECT, INSERT, UPDATE ON product TO databourse_app;

GRANT SELECT, INSERT, UPDATE, DELETE ON session_token TO databourse_app;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON staff_role FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON staff_role DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('person_id');

GRANT SELECT, INSERT, UPDATE ON staff_role TO databourse_app;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON acquisition FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only();

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON acquisition FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON acquisition DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');

GRANT SELECT, INSERT ON acquisition TO databourse_app;

GRANT SELECT, INSERT, DELETE ON deposit_segment TO databourse_app;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON identity_document FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only();

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON identity_document FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON identity_document DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('case_id');

GRANT SELECT, INSERT ON identity_document TO databourse_app;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON signature FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only();

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON signature FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON signature DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('subject');

GRANT SELECT, INSERT ON signature TO databourse_app;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON source_authorisation FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON source_authorisation DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('declaration_id');

GRANT SELECT, INSERT, UPDATE ON source_authorisation TO databourse_app;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON version FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON version DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');

GRANT SELECT, INSERT, UPDATE ON version TO databourse_app;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON declared_source FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only();

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON declared_source FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON declared_source DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('declaration_id');

GRANT SELECT, INSERT ON declared_source TO databourse_app;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON objection FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON objection DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');

GRANT SELECT, INSERT, UPDATE ON objection TO databourse_app;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON offer FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON offer DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');

GRANT SELECT, INSERT, UPDATE ON offer TO databourse_app;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON review FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only();

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON review FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON review DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('version_id');

GRANT SELECT, INSERT ON review TO databourse_app;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON trade_order FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON trade_order DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');

GRANT SELECT, INSERT, UPDATE ON trade_order TO databourse_app;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON lot FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON lot DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');

GRANT SELECT, INSERT, UPDATE ON lot TO databourse_app;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON party_check FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only();

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON party_check FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON party_check DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('subject');

GRANT SELECT, INSERT ON party_check TO databourse_app;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON voucher FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON voucher DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');

GRANT SELECT, INSERT, UPDATE ON voucher TO databourse_app;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON usage_grant FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON usage_grant DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('id');

GRANT SELECT, INSERT, UPDATE ON usage_grant TO databourse_app;

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON receipt FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON receipt DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('lot_id');

GRANT SELECT, INSERT, UPDATE ON receipt TO databourse_app;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ticket FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only();

CREATE TRIGGER guard BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON ticket FOR EACH STATEMENT EXECUTE FUNCTION databourse_guard();

CREATE CONSTRAINT TRIGGER owes_entry AFTER INSERT OR UPDATE OR DELETE ON ticket DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION databourse_owes_entry('lot_id');

GRANT SELECT, INSERT ON ticket TO databourse_app;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON served_range FOR EACH STATEMENT EXECUTE FUNCTION databourse_append_only();

GRANT SELECT, INSERT ON served_range TO databourse_app;

CREATE TRIGGER await_index AFTER INSERT ON journal_entry FOR EACH ROW EXECUTE FUNCTION databourse_await_index();

GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO databourse_app;

-- The only writer of the ledger. It runs as its owner, so that the application may post and may not write the tables.
--
-- Transfer n of a posting is the n-th element of each array. All of them are applied, or none; the CHECKs of the tables
-- judge. Rows are touched in one order everywhere, lots before accounts and each by name, so that postings to the same
-- rows wait for each other and never in a circle. Within a lot transfers apply in the order given.
CREATE FUNCTION databourse_post(
    kinds text[], debits text[], credits text[], amounts bigint[], currencies text[], subjects text[], op_ids text[],
    posted_at timestamptz
) RETURNS SETOF bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    t record;
BEGIN
    FOR t IN
        SELECT * FROM unnest(kinds, debits, credits, amounts, currencies, subjects) WITH ORDINALITY
            AS t (kind, debit, credit, amount, currency, subject, position)
        WHERE 'hold:' || subject IN (debit, credit)
        ORDER BY subject, position
    LOOP
        IF t.kind = 'fund' THEN
            INSERT INTO lot_money AS m (lot_id, currency, funded_minor, held_minor)
                VALUES (t.subject, t.currency, t.amount, t.amount)
                ON CONFLICT (lot_id) DO UPDATE SET
                    funded_minor = m.funded_minor + t.amount, held_minor = m.held_minor + t.amount
                    WHERE m.currency = t.currency;
        ELSE
            UPDATE lot_money AS m SET
                held_minor = m.held_minor + CASE WHEN t.kind IN ('release', 'fee', 'refund', 'chargeback')
                    THEN -t.amount ELSE t.amount END,
                released_minor = m.released_minor + CASE t.kind WHEN 'release' THEN t.amount ELSE 0 END,
                reversed_minor = m.reversed_minor + CASE t.kind WHEN 'reversal' THEN t.amount ELSE 0 END,
                refunded_minor = m.refunded_minor + CASE t.kind WHEN 'refund' THEN t.amount
                    WHEN 'chargeback' THEN t.amount WHEN 'chargeback_won' THEN -t.amount ELSE 0 END,
                fee_minor = m.fee_minor + CASE t.kind WHEN 'fee' THEN t.amount
                    WHEN 'fee_return' THEN -t.amount ELSE 0 END
            WHERE m.lot_id = t.subject AND m.currency = t.currency;
        END IF;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'a lot holds no money, or money of another currency' USING ERRCODE = 'DB010';
        END IF;
    END LOOP;

    FOR t IN
        SELECT code, split_part(code, ':', 1) AS kind, split_part(code, ':', 3) AS currency,
            sum(CASE WHEN code LIKE 'receivable:%' THEN -credited ELSE credited END)::bigint AS raised
        FROM (
            SELECT * FROM unnest(credits, amounts) AS c (code, credited)
            UNION ALL
            SELECT debit, -amount FROM unnest(debits, amounts) AS d (debit, amount)
        ) AS sides
        WHERE split_part(code, ':', 1) IN ('payable', 'refundable', 'receivable', 'suspense')
        GROUP BY code ORDER BY code
    LOOP
        UPDATE ledger_account AS a SET balance_minor = a.balance_minor + t.raised WHERE a.code = t.code;
        IF NOT FOUND THEN
            INSERT INTO ledger_account AS a (code, kind, currency, balance_minor)
                VALUES (t.code, t.kind, t.currency, t.raised)
                ON CONFLICT (code) DO UPDATE SET balance_minor = a.balance_minor + t.raised;
        END IF;
    END LOOP;

    RETURN QUERY
        INSERT INTO ledger_transfer
            (kind, debit_account, credit_account, amount_minor, currency, subject, op_id, at)
        SELECT kind, debit, credit, amount, currency, subject, op_id, posted_at
        FROM unnest(kinds, debits, credits, amounts, currencies, subjects, op_ids) WITH ORDINALITY
            AS n (kind, debit, credit, amount, currency, subject, op_id, position)
        ORDER BY position
        RETURNING id;
END $$;

REVOKE ALL ON FUNCTION databourse_post(text[], text[], text[], bigint[], text[], text[], text[], timestamptz) FROM PUBLIC;

GRANT EXECUTE ON FUNCTION databourse_post(text[], text[], text[], bigint[], text[], text[], text[], timestamptz) TO databourse_app;

REVOKE INSERT ON ledger_transfer FROM databourse_app;
