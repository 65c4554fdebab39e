-- The sandbox's own schema. Applied whole by settlement.sandbox.store.install(); every statement may run again.
CREATE SCHEMA IF NOT EXISTS sandbox;

-- Every object of the API as its JSON. ``position`` orders lists.
CREATE TABLE IF NOT EXISTS sandbox.objects (
    id       text PRIMARY KEY,
    position bigint GENERATED ALWAYS AS IDENTITY,
    kind     text NOT NULL,
    account  text NOT NULL,
    body     jsonb NOT NULL
);
CREATE INDEX IF NOT EXISTS objects_listed ON sandbox.objects (account, kind, position);
CREATE INDEX IF NOT EXISTS objects_filtered ON sandbox.objects USING gin (body jsonb_path_ops)
    WHERE kind <> 'event';

-- What each account has. The platform's may fall below zero (refunds, disputes); a connected account's never does.
CREATE TABLE IF NOT EXISTS sandbox.balances (
    account         text NOT NULL,
    currency        text NOT NULL,
    available_minor bigint NOT NULL,
    PRIMARY KEY (account, currency)
);

-- First answers, by idempotency key.
CREATE TABLE IF NOT EXISTS sandbox.answers (
    account     text NOT NULL,
    key         text NOT NULL,
    fingerprint bytea NOT NULL,
    status      integer NOT NULL,
    body        text NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (account, key)
);

CREATE TABLE IF NOT EXISTS sandbox.webhook_secrets (
    endpoint_id text PRIMARY KEY REFERENCES sandbox.objects (id) ON DELETE CASCADE,
    secret      text NOT NULL
);

-- One row per event and endpoint (two when a fault duplicates it).
CREATE TABLE IF NOT EXISTS sandbox.deliveries (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint_id text NOT NULL REFERENCES sandbox.objects (id) ON DELETE CASCADE,
    event_id    text NOT NULL REFERENCES sandbox.objects (id),
    due_at      timestamptz NOT NULL,
    overtaken   boolean NOT NULL,
    forged      boolean NOT NULL,
    attempts    integer NOT NULL DEFAULT 0,
    state       text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed'))
);
CREATE INDEX IF NOT EXISTS deliveries_pending ON sandbox.deliveries (overtaken, due_at, id)
    WHERE state = 'pending';

-- What shall go wrong, how often, and where: ``target`` begins a path, or an event's type.
CREATE TABLE IF NOT EXISTS sandbox.faults (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fault              text NOT NULL,
    method             text,
    target             text NOT NULL,
    delay_milliseconds integer NOT NULL CHECK (delay_milliseconds >= 0),
    remaining          integer NOT NULL CHECK (remaining >= 0)
);
