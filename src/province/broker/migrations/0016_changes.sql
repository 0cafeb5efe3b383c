-- The history of records: one row per change of an entity, with all that it wrote in one document.
-- What was written before stays in attribute_history, one row per attribute, and is read beside it.

-- attrs: [[key, attribute or null when it was removed, salt of its own in hex or left out], …]. Of an instance that was
-- erased null is left, so that the others keep their places: an instance is known by seq * 1024 + place.
CREATE TABLE change_history (
    tenant  text NOT NULL,
    entity  text NOT NULL,
    seq     bigint GENERATED ALWAYS AS IDENTITY,
    version bigint NOT NULL,
    type    text NOT NULL,
    at      timestamptz NOT NULL,
    actor   text NOT NULL,
    salt    bytea NOT NULL,
    attrs   jsonb NOT NULL CHECK (jsonb_array_length(attrs) BETWEEN 1 AND 1024),
    PRIMARY KEY (tenant, entity, seq)
);
-- Every number of this table is greater than every one of the older table.
SELECT setval(
    pg_get_serial_sequence('change_history', 'seq'), nextval(pg_get_serial_sequence('attribute_history', 'seq')), false
);

CREATE VIEW attribute_instance AS
    SELECT tenant, entity, version, attr, type, attribute, at, actor, seq, salt FROM attribute_history
    UNION ALL
    SELECT c.tenant, c.entity, c.version, one.value ->> 0, c.type, nullif(one.value -> 1, 'null'), c.at, c.actor,
           c.seq * 1024 + one.ordinality - 1, coalesce(decode(one.value ->> 2, 'hex'), c.salt)
    FROM change_history c, jsonb_array_elements(c.attrs) WITH ORDINALITY AS one
    WHERE one.value <> 'null';

-- Of indexes that cost alike, as all do on a young table, PostgreSQL takes the one that was made last. A plan for a look
-- by key that was made then, and kept, must not go along the index of names: that reads a whole tenant for each key.
ALTER TABLE entity DROP CONSTRAINT entity_pkey, ADD CONSTRAINT entity_pkey PRIMARY KEY (tenant, id);
