-- What machines measured: where the lake writer stands, what could not be taken, how devices sign in.

-- Messages and readings that were refused: a person finds them, repairs the cause, and retries or dismisses them.
CREATE TABLE dead_letter (
    tenant     text NOT NULL,
    id         uuid NOT NULL,
    door       text NOT NULL,              -- mqtt, http, …, or lake for what the writer could not store
    source     text NOT NULL,              -- who sent it: actor or topic
    at         timestamptz NOT NULL DEFAULT now(),
    media_type text NOT NULL,
    payload    bytea NOT NULL,             -- the message, or the reading as JSON; cut off at 64 KiB
    field      text NOT NULL DEFAULT '',
    reason     text NOT NULL,
    readings   bigint NOT NULL DEFAULT 1,  -- how many this letter stands for
    state      text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'retried', 'dismissed')),
    PRIMARY KEY (tenant, id)
);
CREATE INDEX dead_letter_in_order ON dead_letter (tenant, state, at, id);

-- Latest values are written up to here; the stream is purged no further. One row per life of the stream.
CREATE TABLE lake_position (
    stream   text PRIMARY KEY,
    sequence bigint NOT NULL,
    at       timestamptz NOT NULL DEFAULT now()
);

-- Where a source stood in the last message of a tenant that left the stream, so that a replay is recognised.
CREATE TABLE source_mark (
    tenant text NOT NULL,
    source text NOT NULL,
    mark   text NOT NULL,
    at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, source)
);

-- Secrets are 256 random bits: a plain SHA-256 hides them, and is fast enough for a reconnecting million.
CREATE TABLE device_credential (
    tenant      text NOT NULL,
    device      text NOT NULL,
    login       text NOT NULL,
    secret_hash bytea NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    created_by  text NOT NULL,
    revoked_at  timestamptz,
    PRIMARY KEY (tenant, login)
);
CREATE UNIQUE INDEX device_credential_by_login ON device_credential (login);
CREATE INDEX device_credential_by_device ON device_credential (tenant, device);
