CREATE INDEX ix_acquisition_declaration_id ON acquisition (declaration_id);
CREATE INDEX ix_declared_source_acquisition_id ON declared_source (acquisition_id) WHERE acquisition_id IS NOT NULL;
CREATE INDEX ix_declared_source_agreement_id ON declared_source (agreement_id) WHERE agreement_id IS NOT NULL;
