-- The audit of a corrected reading holds a commitment to the value that was entered; its salt stands beside the value and
-- goes with it. Corrections of before have none: their rows of the audit hold the value.
ALTER TABLE correction ADD COLUMN salt bytea;

-- What a consent is for: the type whose personal fields rest on it, or '' where the purpose is in free words.
ALTER TABLE consent ADD COLUMN type text COLLATE "C" NOT NULL DEFAULT '';
-- When what the withdrawal starts was done.
ALTER TABLE consent ADD COLUMN settled_at timestamptz;
CREATE INDEX consent_unsettled ON consent (withdrawn_at) WHERE withdrawn_at IS NOT NULL AND settled_at IS NULL;

-- Values that rested on consent alone, set aside when it was withdrawn. No reader reaches them: a person confirms that
-- they are erased, or says on which other ground they are held, and they go back.
CREATE TABLE set_aside (
    tenant     text COLLATE "C" NOT NULL,
    id         uuid NOT NULL,
    consent    bigint NOT NULL,
    subject    text COLLATE "C" NOT NULL,      -- id of the account or record whose consent it was
    entity     text COLLATE "C" NOT NULL,
    type       text COLLATE "C" NOT NULL,
    agency     text COLLATE "C",
    area       text COLLATE "C",
    plan       jsonb NOT NULL,                 -- {entity, type, fields, whole}: names
    files      jsonb NOT NULL DEFAULT '[]',
    attrs      jsonb NOT NULL,                 -- key → attribute, until it is decided
    past       jsonb NOT NULL DEFAULT '[]',    -- [seq, former amendment or null] of history that is shown no more
    at         timestamptz NOT NULL DEFAULT now(),
    state      text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'erased', 'returned')),
    decided_by text,
    decided_at timestamptz,
    reason     text NOT NULL DEFAULT '',       -- the other ground
    erasure    uuid,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, consent, entity)
);
CREATE INDEX set_aside_waiting ON set_aside (tenant, at) WHERE state = 'waiting';

-- Where else traces of the person were found when an erasure was decided: places, never values. A person looks there.
ALTER TABLE erasure ADD COLUMN found jsonb NOT NULL DEFAULT '[]';
