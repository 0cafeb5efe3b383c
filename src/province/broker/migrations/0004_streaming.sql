-- Streaming rules: what each rule knows of each source. Written in the transaction that moves the lake writer's
-- position, together with the events of what was crossed. A source whose readings change nothing has no row.
CREATE TABLE streaming_state (
    tenant  text NOT NULL,
    rule    text NOT NULL,
    entity  text NOT NULL,
    level   smallint NOT NULL,
    latches bytea NOT NULL,                -- int64, five per limit: see broker/sources.py
    buckets bytea,                         -- of rules that watch a moving mean
    at      timestamptz NOT NULL,          -- the newest reading watched when the row was written
    PRIMARY KEY (tenant, rule, entity)
);
CREATE INDEX streaming_state_by_level ON streaming_state (tenant, rule, level) WHERE level > 0;
