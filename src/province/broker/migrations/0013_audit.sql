-- The audit is sealed: rows are gathered into signed blocks, each of which names the one before it.
-- A block is written in one transaction with the sealer's position (`relay_position`, reader 'sealer').

CREATE INDEX audit_in_order ON audit (xid, seq);
CREATE INDEX audit_by_actor ON audit (tenant, actor, seq);
CREATE INDEX audit_by_time ON audit USING brin (at);
-- A read that showed many entities is one row that names them all.
CREATE INDEX audit_of_many ON audit USING gin ((detail -> 'entities') jsonb_path_ops) WHERE detail ? 'entities';

CREATE TABLE audit_key (
    id          text COLLATE "C" PRIMARY KEY,
    public      text NOT NULL,
    since       timestamptz NOT NULL,
    by          text NOT NULL,
    endorsement text NOT NULL
);

-- A life of the database: a restored one goes on from an older state, and says so with a chain of its own.
CREATE TABLE audit_chain (
    id    text COLLATE "C" PRIMARY KEY,
    since timestamptz NOT NULL
);

CREATE TABLE audit_block (
    number    bigint PRIMARY KEY,
    first_seq bigint NOT NULL,
    last_seq  bigint NOT NULL,
    at        timestamptz NOT NULL,
    block     jsonb NOT NULL,
    hash      text NOT NULL,
    signature text NOT NULL,
    leaves    bytea NOT NULL             -- 32 bytes for each row: tells which row of a block was changed
);
ALTER TABLE audit_block ALTER COLUMN leaves SET STORAGE EXTERNAL;
CREATE INDEX audit_block_by_row ON audit_block (last_seq);

-- What an official opened although the rules refuse it: for one record, with a reason, for a while.
CREATE TABLE break_glass (
    tenant    text COLLATE "C" NOT NULL,
    id        uuid NOT NULL,
    account   uuid NOT NULL,
    entity    text NOT NULL,
    type      text NOT NULL,
    noun      text NOT NULL,
    agency    text,
    reason    text NOT NULL,
    valid     tstzrange NOT NULL,
    PRIMARY KEY (tenant, id),
    FOREIGN KEY (tenant, account) REFERENCES account (tenant, id)
);
CREATE INDEX break_glass_by_account ON break_glass (tenant, account);

-- What the commitments of the audit were salted with. It goes when the value goes.
ALTER TABLE attribute_history ADD COLUMN salt bytea;
