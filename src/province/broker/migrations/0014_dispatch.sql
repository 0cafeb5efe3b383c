-- Mail and SMS that leave, one row per notice, way and address. `id` is derived from the three: it is what a
-- counterpart is given to tell a repeated message by, and why a notice that is delivered twice leaves once.
-- waiting: its turn comes at `due`.  sending: taken by a process until `due`; if that died, another takes it then.
-- sent, simulated: over.  open: refused or given up; a person retries or dismisses it.
CREATE TABLE dispatch (
    tenant     text COLLATE "C" NOT NULL,
    id         uuid NOT NULL,
    way        text NOT NULL CHECK (way IN ('mail', 'sms')),
    address    text NOT NULL,
    recipient  text COLLATE "C" NOT NULL,
    subject_vi text NOT NULL,
    subject_en text NOT NULL,
    body_vi    text NOT NULL,
    body_en    text NOT NULL,
    language   text NOT NULL,
    about      text COLLATE "C" NOT NULL,
    state      text NOT NULL DEFAULT 'waiting'
               CHECK (state IN ('waiting', 'sending', 'sent', 'simulated', 'open', 'dismissed')),
    attempts   integer NOT NULL DEFAULT 0,
    due        timestamptz NOT NULL DEFAULT now(),
    reason     text NOT NULL DEFAULT '',
    reference  text NOT NULL DEFAULT '',       -- what the counterpart calls it
    at         timestamptz NOT NULL DEFAULT now(),
    sent_at    timestamptz,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX dispatch_in_turn ON dispatch (way, due) WHERE state IN ('waiting', 'sending');
CREATE INDEX dispatch_by_age ON dispatch (tenant, at DESC, id DESC);
CREATE INDEX dispatch_about ON dispatch (tenant, about, at) WHERE about <> '';
