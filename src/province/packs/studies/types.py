"""The type of this pack, `Study`, is shared vocabulary: see `vocab/study.py`."""
