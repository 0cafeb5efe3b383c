-- Entity maps (NGSI-LD, 5.14): which entities answered a question, in their order, so that its pages fit together while
-- entities come and go. A cache, therefore not logged: a map that is not there is made anew.
-- owner: who asked; nobody else knows of it.  ids: at their places for good.  gone: which of them no longer answered.
CREATE UNLOGGED TABLE entity_map (
    tenant     text COLLATE "C" NOT NULL,
    id         text COLLATE "C" NOT NULL,
    owner      text NOT NULL,
    ids        text[] NOT NULL,
    gone       text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX entity_map_by_owner ON entity_map (tenant, owner, created_at);
CREATE INDEX entity_map_by_expiry ON entity_map (expires_at);

-- Snapshots (NGSI-LD, 5.16): what questions found at one time, kept to be asked again.
-- document: what the owner said of it.  details: what became of each question.
CREATE TABLE snapshot (
    tenant      text COLLATE "C" NOT NULL,
    id          text COLLATE "C" NOT NULL,
    owner       text NOT NULL,
    document    jsonb NOT NULL,
    status      text NOT NULL CHECK (status IN ('preparing', 'success', 'partial', 'empty', 'failure')),
    details     jsonb NOT NULL DEFAULT '[]',
    created_at  timestamptz NOT NULL,
    modified_at timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    used_at     timestamptz NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX snapshot_by_expiry ON snapshot (expires_at);

-- An entity as its owner saw it then. It is shown only as far as the reader may see it now; what was erased is erased here.
CREATE TABLE snapshot_entity (
    tenant   text COLLATE "C" NOT NULL,
    snapshot text COLLATE "C" NOT NULL,
    id       text COLLATE "C" NOT NULL,
    entity   jsonb NOT NULL,
    PRIMARY KEY (tenant, snapshot, id),
    FOREIGN KEY (tenant, snapshot) REFERENCES snapshot (tenant, id) ON DELETE CASCADE
);
CREATE INDEX snapshot_entity_by_id ON snapshot_entity (tenant, id);
