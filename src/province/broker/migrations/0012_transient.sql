-- Entities that exist only until a time (NGSI-LD, 4.22) are looked for every second: the index holds them alone. The time
-- is text of fixed length in UTC, so that its order is that of the instants.
CREATE INDEX entity_by_expiry ON entity ((attrs -> 'expiresAt' ->> 'value')) WHERE attrs ? 'expiresAt';
