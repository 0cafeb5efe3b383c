-- Who may come in, with which rights, and what the adapters keep: files and notices.
-- Only hashes of secrets are stored: argon2id for passwords, SHA-256 for session cookies and tokens (256 random bits).

CREATE TABLE tenant (
    id          text COLLATE "C" PRIMARY KEY,
    name_vi     text NOT NULL,
    name_en     text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE account (
    tenant              text COLLATE "C" NOT NULL REFERENCES tenant (id),
    id                  uuid NOT NULL,
    login               text NOT NULL,
    login_folded        text COLLATE "C" NOT NULL,
    name                text NOT NULL,
    kind                text NOT NULL CHECK (kind IN ('person', 'service')),
    password_hash       text,
    agency              text COLLATE "C",
    email               text,
    phone               text,
    disabled_at         timestamptz,
    created_at          timestamptz NOT NULL DEFAULT now(),
    password_changed_at timestamptz,
    must_change         boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, login_folded)
);

-- Keyed by a hash of what was typed, known login or not: a lock-out tells a stranger nothing, and a password typed
-- into the wrong field is not kept.
CREATE TABLE sign_in_failure (
    tenant        text COLLATE "C" NOT NULL,
    login_hash    bytea NOT NULL,
    attempts      integer NOT NULL,
    last_at       timestamptz NOT NULL,
    locked_until  timestamptz NOT NULL,
    PRIMARY KEY (tenant, login_hash)
);
CREATE INDEX sign_in_failure_age ON sign_in_failure (last_at);

CREATE TABLE session (
    tenant      text COLLATE "C" NOT NULL,
    token_hash  bytea NOT NULL CHECK (length(token_hash) = 32),
    account     uuid NOT NULL,
    created_at  timestamptz NOT NULL,
    last_seen   timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    address     text NOT NULL DEFAULT '',
    user_agent  text NOT NULL DEFAULT '',
    revoked_at  timestamptz,
    PRIMARY KEY (tenant, token_hash),
    FOREIGN KEY (tenant, account) REFERENCES account (tenant, id)
);
CREATE INDEX session_account ON session (tenant, account);
CREATE INDEX session_expiry ON session (expires_at);

CREATE TABLE token (
    tenant       text COLLATE "C" NOT NULL,
    id           text COLLATE "C" NOT NULL,
    token_hash   bytea NOT NULL CHECK (length(token_hash) = 32),
    account      uuid NOT NULL,
    name         text NOT NULL,
    purpose      text NOT NULL DEFAULT '',
    permissions  text[] NOT NULL CHECK (cardinality(permissions) > 0),
    agency       text COLLATE "C",
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    last_used    timestamptz,
    revoked_at   timestamptz,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, account) REFERENCES account (tenant, id)
);
CREATE INDEX token_account ON token (tenant, account);

CREATE TABLE role (
    tenant       text COLLATE "C" NOT NULL REFERENCES tenant (id),
    name         text COLLATE "C" NOT NULL,
    label_vi     text NOT NULL,
    label_en     text NOT NULL,
    permissions  text[] NOT NULL,
    built_in     boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant, name)
);

CREATE TABLE grant_ (
    tenant      text COLLATE "C" NOT NULL,
    id          uuid NOT NULL,
    account     uuid NOT NULL,
    role        text COLLATE "C" NOT NULL,
    agency      text COLLATE "C",
    areas       text[] NOT NULL DEFAULT '{}',
    valid       tstzrange NOT NULL,
    granted_by  text NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, account) REFERENCES account (tenant, id),
    FOREIGN KEY (tenant, role) REFERENCES role (tenant, name)
);
CREATE INDEX grant_account ON grant_ (tenant, account);

CREATE TABLE secret (
    tenant      text COLLATE "C" NOT NULL,
    name        text COLLATE "C" NOT NULL,
    ciphertext  bytea NOT NULL,
    key_id      text COLLATE "C" NOT NULL,
    changed_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, name)
);
CREATE INDEX secret_key ON secret (key_id);

-- Files by content. refs counts the entities and jobs that name a file; 0 may be removed after a grace period.
CREATE TABLE file (
    tenant       text COLLATE "C" NOT NULL,
    sha256       bytea NOT NULL CHECK (length(sha256) = 32),
    bytes        bigint NOT NULL CHECK (bytes >= 0),
    media_type   text NOT NULL,
    name         text NOT NULL,
    uploaded_by  text NOT NULL,
    at           timestamptz NOT NULL DEFAULT now(),
    refs         integer NOT NULL DEFAULT 0 CHECK (refs >= 0),
    PRIMARY KEY (tenant, sha256)
);

CREATE TABLE file_usage (
    tenant  text COLLATE "C" PRIMARY KEY,
    bytes   bigint NOT NULL CHECK (bytes >= 0)
);

CREATE TABLE notice (
    tenant      text COLLATE "C" NOT NULL,
    id          bigint GENERATED ALWAYS AS IDENTITY,
    recipient   text COLLATE "C" NOT NULL,
    subject_vi  text NOT NULL,
    subject_en  text NOT NULL,
    body_vi     text NOT NULL,
    body_en     text NOT NULL,
    about       text NOT NULL DEFAULT '',
    at          timestamptz NOT NULL DEFAULT now(),
    read_at     timestamptz,
    read_by     text,
    event_id    text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, event_id)
);
CREATE INDEX notice_inbox ON notice (tenant, recipient, id DESC);
CREATE INDEX notice_unread ON notice (tenant, recipient) WHERE read_at IS NULL;
