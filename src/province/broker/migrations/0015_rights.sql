-- Personal data: what persons agreed to, and the erasure of what is held about them. Neither table holds such data:
-- a subject is the id of an account or of an entity.

CREATE TABLE consent (
    tenant       text COLLATE "C" NOT NULL,
    id           bigint GENERATED ALWAYS AS IDENTITY,
    subject      text COLLATE "C" NOT NULL,
    purpose      text NOT NULL,
    given_at     timestamptz NOT NULL DEFAULT now(),
    given_by     text NOT NULL,
    evidence     text NOT NULL DEFAULT '',   -- where it was given: a form, a file number
    withdrawn_at timestamptz,
    withdrawn_by text,
    PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX consent_in_force ON consent (tenant, subject, purpose) WHERE withdrawn_at IS NULL;

-- decided: to be carried out, again and again until it is.  done: nothing of it is left, but for backups.
CREATE TABLE erasure (
    tenant     text COLLATE "C" NOT NULL,
    id         uuid NOT NULL,
    subject    text COLLATE "C" NOT NULL,
    ground     text NOT NULL CHECK (ground IN ('request', 'consent', 'retention', 'restored', 'other')),
    reference  text NOT NULL DEFAULT '',     -- the file number of the request
    plan       jsonb NOT NULL,               -- [{entity, type, fields, whole}]: names, never values
    files      jsonb NOT NULL DEFAULT '[]',  -- hashes of contents that are to go
    decided_by text NOT NULL,
    decided_at timestamptz NOT NULL DEFAULT now(),
    state      text NOT NULL DEFAULT 'decided' CHECK (state IN ('decided', 'done')),
    effect     jsonb NOT NULL DEFAULT '{}',
    done_at    timestamptz,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX erasure_waiting ON erasure (decided_at) WHERE state = 'decided';
CREATE INDEX erasure_in_order ON erasure (tenant, decided_at DESC, id);
