"""The lake: append, read, compact; Arrow in, Arrow out."""
