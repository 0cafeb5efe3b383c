-- Whether a tenant holds entities of several types is asked before questions are compiled: it must not read the whole table.
CREATE INDEX entity_has_many_types ON entity (tenant) WHERE types IS NOT NULL;
