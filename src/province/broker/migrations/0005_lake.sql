-- What people say about readings, roll-ups that are kept with the latest values, and what keeps the lake in order.

-- Corrections lie over the lake until compaction folds them in. They are numbered in the order of their commits (one
-- at a time per database), and for every reading the newest one that covers it decides.
CREATE TABLE correction (
    tenant    text COLLATE "C" NOT NULL,
    id        bigint GENERATED ALWAYS AS IDENTITY,
    entity    text COLLATE "C" NOT NULL,
    type      text NOT NULL,
    attribute text,                       -- null: every measured attribute
    dataset   text,                       -- '': the default instance; null: every one
    start_at  timestamptz NOT NULL,       -- included
    end_at    timestamptz NOT NULL,       -- excluded
    kind      text NOT NULL CHECK (kind IN ('value', 'invalid', 'delete', 'restore')),
    number    double precision,
    text      text,
    readings  bigint NOT NULL,            -- how many it covered when it was made
    was       jsonb NOT NULL DEFAULT '[]',-- their values then, the first few
    reason    text NOT NULL,
    actor     text NOT NULL,
    at        timestamptz NOT NULL DEFAULT now(),
    folded_at timestamptz,
    PRIMARY KEY (tenant, id),
    CHECK (start_at < end_at)
);
CREATE INDEX correction_by_entity ON correction (tenant, entity, start_at);

-- Hourly sums per area, agency, type, attribute and origin, of readings without datasetId. Written in the transaction
-- of the latest values: as fresh as they are, and no reading is counted twice. '' stands for "has none".
CREATE TABLE area_hour (
    tenant    text COLLATE "C" NOT NULL,
    type      text COLLATE "C" NOT NULL,
    attribute text COLLATE "C" NOT NULL,
    start_at  timestamptz NOT NULL,
    origin    smallint NOT NULL,
    agency    text COLLATE "C" NOT NULL,
    area      text COLLATE "C" NOT NULL,
    readings  bigint NOT NULL,
    total     double precision NOT NULL,
    squares   double precision NOT NULL,
    PRIMARY KEY (tenant, type, attribute, start_at, origin, agency, area)
) WITH (fillfactor = 70);

-- Who sent the messages that a batch of the lake writer held: from a reading's sequence to its sender and arrival.
CREATE TABLE arrival (
    tenant   text COLLATE "C" NOT NULL,
    stream   text NOT NULL,
    last     bigint NOT NULL,             -- position of the batch
    door     text NOT NULL,
    sender   text NOT NULL,
    at       timestamptz NOT NULL,        -- when the first of its messages came into the stream
    messages int8multirange NOT NULL,
    readings bigint NOT NULL,
    late     bigint NOT NULL,             -- measured more than an hour before they came
    early    bigint NOT NULL,             -- measured after they came: the sender's clock is ahead
    PRIMARY KEY (tenant, stream, last, door, sender)
);
CREATE INDEX arrival_by_time ON arrival (tenant, at);
CREATE INDEX arrival_by_message ON arrival USING gist (messages);

-- How long measured values are kept, as dated declarations; the newest one in force for the most special match holds.
CREATE TABLE retention (
    tenant     text COLLATE "C" NOT NULL,
    id         bigint GENERATED ALWAYS AS IDENTITY,
    type       text,                      -- null: every type
    attribute  text,                      -- null: every attribute
    keep_days  integer CHECK (keep_days >= 1),  -- null: for ever
    valid_from date NOT NULL,
    reason     text NOT NULL,             -- the law, the decision
    actor      text NOT NULL,
    at         timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, id),
    CHECK (attribute IS NULL OR type IS NOT NULL)
);

-- What keeps the lake in order did, newest last.
CREATE TABLE upkeep (
    tenant   text COLLATE "C" NOT NULL,
    id       bigint GENERATED ALWAYS AS IDENTITY,
    task     text NOT NULL,
    began    timestamptz NOT NULL,
    ended    timestamptz NOT NULL,
    outcome  text NOT NULL,               -- done, nothing, failed
    detail   jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (tenant, id)
);
CREATE INDEX upkeep_by_task ON upkeep (tenant, task, id);

-- How good each source was in the last day that was looked at. inputs: the figures of the formula.
CREATE TABLE quality (
    tenant   text COLLATE "C" NOT NULL,
    kind     text NOT NULL CHECK (kind IN ('device', 'sender')),
    source   text COLLATE "C" NOT NULL,
    type     text NOT NULL DEFAULT '',
    agency   text,
    area     text,
    start_at timestamptz NOT NULL,
    end_at   timestamptz NOT NULL,
    score    real,                        -- null: nothing is known
    inputs   jsonb NOT NULL,
    at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, kind, source)
);
CREATE INDEX quality_by_score ON quality (tenant, kind, score, source);

-- Which sums of a tenant were made from the whole lake once; without a row they are made at the next start.
CREATE TABLE rollup_state (
    tenant text COLLATE "C" NOT NULL,
    name   text NOT NULL,
    at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, name)
);

-- Where an entity stood until it was moved, given away or deleted: sums of readings stay where they were counted.
CREATE TABLE place_before (
    tenant text COLLATE "C" NOT NULL,
    entity text COLLATE "C" NOT NULL,
    until  timestamptz NOT NULL,
    agency text,
    area   text,
    PRIMARY KEY (tenant, entity, until)
);
CREATE FUNCTION keep_place() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO place_before (tenant, entity, until, agency, area)
    VALUES (OLD.tenant, OLD.id, clock_timestamp(), OLD.agency, OLD.area) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER keep_place_on_change AFTER UPDATE OF agency, area ON entity FOR EACH ROW
    WHEN (OLD.agency IS DISTINCT FROM NEW.agency OR OLD.area IS DISTINCT FROM NEW.area) EXECUTE FUNCTION keep_place();
CREATE TRIGGER keep_place_on_delete AFTER DELETE ON entity FOR EACH ROW
    WHEN (OLD.agency IS NOT NULL OR OLD.area IS NOT NULL) EXECUTE FUNCTION keep_place();
