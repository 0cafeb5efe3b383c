"""Actors, accounts, roles, sign-on, policy."""
