"""Empty engines for the tests of this room."""

from tests.observations import bus, migrated_store, store

__all__ = ["bus", "migrated_store", "store"]
