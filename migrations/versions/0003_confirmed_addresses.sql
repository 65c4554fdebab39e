CREATE TABLE sign_up (
    id TEXT NOT NULL, 
    sealed BYTEA NOT NULL, 
    password_hash TEXT NOT NULL, 
    public_key BYTEA NOT NULL, 
    sealed_key BYTEA NOT NULL, 
    expires_at TIMESTAMP WITH TIME ZONE NOT NULL, 
    CONSTRAINT pk_sign_up PRIMARY KEY (id)
);
CREATE INDEX ix_sign_up_expires_at ON sign_up (expires_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON sign_up TO databourse_app;
