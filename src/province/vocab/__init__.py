"""Entity types that two or more packs share."""
