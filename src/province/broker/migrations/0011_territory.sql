-- Territory: the parts of land that every known map leaves whole, and which area each of them belongs to, in time.
-- `entity.area` holds the atom that an entity stands in (or the id of an area of which no atoms are known).

CREATE TABLE atom (
    tenant      text COLLATE "C" NOT NULL,
    id          text COLLATE "C" NOT NULL,
    lon         double precision NOT NULL,   -- a place inside
    lat         double precision NOT NULL,
    land        jsonb NOT NULL,              -- GeoJSON
    size_km2    double precision NOT NULL CHECK (size_km2 >= 0),
    cut_from    text COLLATE "C",            -- the atom that a later map divided into this one and others
    divided     boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX atom_by_origin ON atom (tenant, cut_from) WHERE cut_from IS NOT NULL;

-- One row per atom and area that holds it, of every tier, from a civil day to a civil day (excluded).
-- local: the area is of the lowest tier, so an atom has at most one of them on any day.
CREATE TABLE atom_area (
    tenant  text COLLATE "C" NOT NULL,
    atom    text COLLATE "C" NOT NULL,
    area    text COLLATE "C" NOT NULL,
    local   boolean NOT NULL,
    since   date NOT NULL,
    until   date CHECK (until > since),
    PRIMARY KEY (tenant, atom, area, since),
    FOREIGN KEY (tenant, atom) REFERENCES atom (tenant, id)
);
CREATE INDEX atom_area_by_area ON atom_area (tenant, area);

-- Who took over what an agency that ended owned and could do; no entity and no grant is rewritten for it.
-- atoms: only what stands there (the unit of the agency was divided); null: everything.
CREATE TABLE agency_succession (
    tenant    text COLLATE "C" NOT NULL,
    former    text COLLATE "C" NOT NULL,
    successor text COLLATE "C" NOT NULL,
    since     date NOT NULL,
    atoms     text[],
    PRIMARY KEY (tenant, former, successor)
);
CREATE INDEX agency_succession_by_successor ON agency_succession (tenant, successor);

-- A unit that lost or gained a part goes on under code and name in a new record: who was given the former has the new.
CREATE TABLE area_going_on (
    tenant text COLLATE "C" NOT NULL,
    former text COLLATE "C" NOT NULL,
    area   text COLLATE "C" NOT NULL,
    since  date NOT NULL,
    PRIMARY KEY (tenant, former)
);

-- A post is a role with a name that people know; a delegation is a grant that lives only as long as the one it is of.
ALTER TABLE grant_
    ADD COLUMN post text NOT NULL DEFAULT '',
    ADD COLUMN concurrent boolean NOT NULL DEFAULT false,
    ADD COLUMN delegated_from uuid,
    ADD COLUMN reason text NOT NULL DEFAULT '';
CREATE INDEX grant_delegated ON grant_ (tenant, delegated_from) WHERE delegated_from IS NOT NULL;
