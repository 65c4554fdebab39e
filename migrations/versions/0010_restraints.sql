CREATE INDEX ix_restraint_operator ON restraint (org_id, id) WHERE directive_id IS NULL;
