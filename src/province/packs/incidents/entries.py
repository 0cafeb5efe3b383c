"""Entries of the log, and ids that the call itself gives. Pure."""

from __future__ import annotations

import hashlib

from province.errors import InvalidInput
from province.model.record import create
from province.pack import Context, Effect
from province.packs.incidents.types import LogEntry


def entry(context: Context, kind: str, text: str, *, incident: str | None = None, shift: str | None = None) -> Effect:
    """An entry of the log, by who acts, now. Raises: InvalidInput for one without words."""
    if not text.strip():
        raise InvalidInput("the entry is empty.", field="text", remedy="Write at least one word.")
    made = LogEntry(
        id=f"urn:ngsi-ld:LogEntry:{derive('entry', context)}",
        kind=kind,
        text=text.strip(),
        at=context.now,
        author=context.actor,
        incident=incident,
        shift=shift,
    )
    return create(made, agency=context.agency)


def derive(use: str, context: Context) -> str:
    """The part of an id that is the call's own: the same call makes the same record. Raises: InvalidInput."""
    if len(context.nonce) < 32:
        raise InvalidInput("the call carries no fresh nonce.", field="nonce", remedy="Draw 16 random bytes per call.")
    return hashlib.sha256(f"{use}:{context.nonce}".encode()).hexdigest()[:32]
