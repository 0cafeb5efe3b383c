-- Saved views of lists: what somebody asked of a register, for themselves or for their agency. Preferences of people at a
-- screen, no facts of the province: so they are no entities, and appear in no exchange, search, map or history.
CREATE TABLE saved_view (
    tenant text COLLATE "C" NOT NULL REFERENCES tenant (id),
    id     bigint GENERATED ALWAYS AS IDENTITY,
    owner  text NOT NULL,
    agency text,                            -- shared with it; null: the owner's alone
    type   text NOT NULL,
    name   text NOT NULL,
    query  text NOT NULL,                   -- as in the address of the list
    at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant, id)
);
CREATE INDEX saved_view_by_owner ON saved_view (tenant, type, owner);
CREATE INDEX saved_view_by_agency ON saved_view (tenant, type, agency) WHERE agency IS NOT NULL;
