-- Entities, their history, events, audit. `tenant` leads every key.

CREATE TABLE entity (
    tenant      text NOT NULL,
    id          text NOT NULL,
    type        text NOT NULL,
    types       text[],                    -- all types, only when there is more than one
    attrs       jsonb NOT NULL,
    scope       text[],
    agency      text,
    area        text,
    version     bigint NOT NULL,
    created_at  timestamptz NOT NULL,
    modified_at timestamptz NOT NULL,
    bounds      box,
    words       tsvector,
    sort_key    text COLLATE "C",
    PRIMARY KEY (tenant, id)
) WITH (fillfactor = 85);
CREATE INDEX entity_by_type ON entity (tenant, type, id);
CREATE INDEX entity_by_modification ON entity (tenant, type, modified_at, id);
CREATE INDEX entity_by_name ON entity (tenant, type, sort_key, id);
CREATE INDEX entity_by_agency ON entity (tenant, agency, type, id) WHERE agency IS NOT NULL;
CREATE INDEX entity_by_area ON entity (tenant, area, type, id) WHERE area IS NOT NULL;
CREATE INDEX entity_of_many_types ON entity USING gin (types) WHERE types IS NOT NULL;
CREATE INDEX entity_by_place ON entity USING gist (bounds) WHERE bounds IS NOT NULL;
CREATE INDEX entity_by_words ON entity USING gin (words) WHERE words IS NOT NULL;

-- One row per attribute instance and version of the entity; `attribute` is null when it was removed.
CREATE TABLE attribute_history (
    tenant    text NOT NULL,
    entity    text NOT NULL,
    version   bigint NOT NULL,
    attr      text NOT NULL,
    type      text NOT NULL,
    attribute jsonb,
    at        timestamptz NOT NULL,
    actor     text NOT NULL,
    seq       bigint GENERATED ALWAYS AS IDENTITY,   -- an id may live again after a deletion, with version 1
    PRIMARY KEY (tenant, entity, seq)
);

CREATE TABLE entity_key (
    tenant text NOT NULL,
    type   text NOT NULL,
    key    text NOT NULL,
    value  text NOT NULL,
    entity text NOT NULL,
    PRIMARY KEY (tenant, type, key, value)
);
CREATE INDEX entity_key_by_entity ON entity_key (tenant, entity);

CREATE TABLE counter (
    tenant text NOT NULL,
    name   text NOT NULL,
    value  bigint NOT NULL,
    PRIMARY KEY (tenant, name)
);

CREATE TABLE hold (
    tenant   text NOT NULL,
    resource text NOT NULL,
    entity   text NOT NULL,
    during   tstzrange NOT NULL,
    units    integer NOT NULL,
    PRIMARY KEY (tenant, resource, entity, during)
);
CREATE INDEX hold_by_time ON hold USING gist (during);
CREATE INDEX hold_by_entity ON hold (tenant, entity);

-- Events, notices and jobs leave through here, in the order of (xid, seq). A reader takes rows whose xid lies below
-- pg_snapshot_xmin: sequence order alone is not commit order.
CREATE TABLE outbox (
    tenant  text NOT NULL,
    seq     bigint GENERATED ALWAYS AS IDENTITY,
    xid     bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    id      uuid NOT NULL,
    kind    text NOT NULL CHECK (kind IN ('event', 'notice', 'job')),
    name    text NOT NULL,
    entity  text,
    type    text,
    payload jsonb NOT NULL,
    depth   smallint NOT NULL,
    actor   text NOT NULL,
    at      timestamptz NOT NULL,
    PRIMARY KEY (tenant, seq)
);
CREATE INDEX outbox_in_order ON outbox (xid, seq);
CREATE INDEX outbox_by_entity ON outbox (tenant, entity, seq);

CREATE TABLE relay_position (
    reader text PRIMARY KEY,
    xid    bigint NOT NULL,
    seq    bigint NOT NULL,
    at     timestamptz NOT NULL DEFAULT now()
);

-- What a caller's idempotency key was answered, so that a retry is answered alike and changes nothing.
CREATE TABLE applied (
    tenant text NOT NULL,
    key    text NOT NULL,
    answer jsonb NOT NULL,
    at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, key)
);
CREATE INDEX applied_by_age ON applied (at);

CREATE TABLE audit (
    tenant  text NOT NULL,
    seq     bigint GENERATED ALWAYS AS IDENTITY,
    xid     bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
    at      timestamptz NOT NULL DEFAULT now(),
    actor   text NOT NULL,
    kind    text NOT NULL,
    action  text NOT NULL,
    entity  text,
    type    text,
    purpose text NOT NULL DEFAULT '',
    request text NOT NULL DEFAULT '',
    address text NOT NULL DEFAULT '',
    detail  jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant, seq)
);
CREATE INDEX audit_by_entity ON audit (tenant, entity, seq) WHERE entity IS NOT NULL;

-- Effects that failed for good: a person sees them, repairs the cause, and retries or dismisses them.
CREATE TABLE failed_effect (
    tenant   text NOT NULL,
    id       uuid NOT NULL,
    handler  text NOT NULL,
    event    jsonb NOT NULL,
    reason   text NOT NULL,
    attempts integer NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    state    text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'retried', 'dismissed')),
    PRIMARY KEY (tenant, id, handler)
);
