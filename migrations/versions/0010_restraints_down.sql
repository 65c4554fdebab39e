DROP INDEX ix_restraint_operator;
