"""Effective-dated areas and agencies."""
