-- Whether a record ever named a file since it was uploaded. A file that none ever named is removed a day after its upload.
-- null: uploaded before this was kept; upkeep looks once. The former count was never kept by anybody.
ALTER TABLE file ADD COLUMN named boolean;
ALTER TABLE file ALTER COLUMN named SET DEFAULT false;
ALTER TABLE file DROP COLUMN refs;
CREATE INDEX file_never_named ON file (tenant, at) WHERE named IS NOT TRUE;

-- How far the search for entities without a place in the land has come: those that came in before the land was known.
-- land: digest of what decides where a place lies; while it stays, whoever has no place has none. after: looked at up to
-- this id. since: that land is known.  began: this search.
CREATE TABLE placement (
    tenant text COLLATE "C" PRIMARY KEY,
    land   text NOT NULL,
    after  text NOT NULL DEFAULT '',
    placed bigint NOT NULL DEFAULT 0,
    since  timestamptz NOT NULL DEFAULT now(),
    began  timestamptz NOT NULL DEFAULT now(),
    done   boolean NOT NULL DEFAULT false
);
