"""Pure vocabulary: entities, attributes, units, geometry, workflow, changes, queries. No I/O."""
