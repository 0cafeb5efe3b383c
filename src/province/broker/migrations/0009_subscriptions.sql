-- Subscriptions, what is on its way to subscribers, registered context sources, stored contexts.

-- kind: entity (5.8) or registration (5.11).  owner: who subscribed, with which rights then; rights now are looked up.
CREATE TABLE subscription (
    tenant            text NOT NULL,
    kind              text NOT NULL CHECK (kind IN ('entity', 'registration')),
    id                text NOT NULL,
    document          jsonb NOT NULL,
    owner             jsonb NOT NULL,
    created_at        timestamptz NOT NULL,
    modified_at       timestamptz NOT NULL,
    times_sent        bigint NOT NULL DEFAULT 0,
    times_failed      bigint NOT NULL DEFAULT 0,
    last_notification timestamptz,
    last_success      timestamptz,
    last_failure      timestamptz,
    PRIMARY KEY (tenant, kind, id)
);

-- One row per notification that is on its way; a delivered one is removed. What to say is worked out at delivery, with
-- the subscriber's rights of that moment; `happening` is all that is needed for it.
-- state: waiting; open: given up, a person decides; retried and dismissed: what the person decided.
CREATE TABLE notification (
    tenant       text NOT NULL,
    seq          bigint GENERATED ALWAYS AS IDENTITY,
    id           uuid NOT NULL,
    kind         text NOT NULL,
    subscription text NOT NULL,
    entity       text NOT NULL,
    event        uuid NOT NULL,
    uri          text NOT NULL,
    happening    jsonb NOT NULL,
    at           timestamptz NOT NULL,
    due          timestamptz NOT NULL,
    attempts     integer NOT NULL DEFAULT 0,
    reason       text NOT NULL DEFAULT '',
    state        text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'open', 'retried', 'dismissed')),
    PRIMARY KEY (tenant, seq),
    UNIQUE (tenant, kind, subscription, event, entity)
);
CREATE INDEX notification_waiting ON notification (uri, seq) WHERE state = 'waiting';
CREATE INDEX notification_open ON notification (tenant, at) WHERE state = 'open';
CREATE UNIQUE INDEX notification_by_id ON notification (tenant, id);

CREATE TABLE registration (
    tenant      text NOT NULL,
    id          text NOT NULL,
    document    jsonb NOT NULL,
    owner       text NOT NULL,
    created_at  timestamptz NOT NULL,
    modified_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, id)
);

-- kind: Hosted (added by a caller), ImplicitlyCreated (inline, of a subscription), Cached (fetched from its url).
-- A cached context is the same for all tenants; it stands under the tenant ''.
CREATE TABLE ld_context (
    tenant     text NOT NULL,
    id         text NOT NULL,
    url        text NOT NULL,
    kind       text NOT NULL CHECK (kind IN ('Hosted', 'ImplicitlyCreated', 'Cached')),
    document   jsonb NOT NULL,
    owner      text NOT NULL,
    created_at timestamptz NOT NULL,
    last_use   timestamptz NOT NULL,
    hits       bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX ld_context_by_url ON ld_context (tenant, url);

-- What was said of the past of records and is corrected or withdrawn: laid over the history when it is read. The history
-- itself stays as it was written.
CREATE TABLE history_correction (
    tenant    text NOT NULL,
    entity    text NOT NULL,
    seq       bigint NOT NULL,             -- of attribute_history
    attribute jsonb,                       -- what is said now; null: withdrawn
    at        timestamptz NOT NULL DEFAULT now(),
    actor     text NOT NULL,
    PRIMARY KEY (tenant, entity, seq)
);
