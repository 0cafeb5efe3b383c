"""What a report is known by: its number in the register, and the secret of its author. Pure."""

from __future__ import annotations

import hashlib
import hmac

from province.errors import NotAllowed
from province.model.change import Counter
from province.model.time import CIVIL_ZONE
from province.packs.reports.types import Report


def prove(report: Report, secret: str) -> None:
    """Raises: NotAllowed for a secret that is not the author's."""
    if report.secretHash is None or not hmac.compare_digest(hash_secret(secret.strip()), report.secretHash):
        raise NotAllowed("the secret does not open this report.", field="secret", remedy="Use the one shown to you.")


def number(report: Report) -> Counter:
    """The next number of the register of its year."""
    year = report.reportedAt.astimezone(CIVIL_ZONE).year
    return Counter(attribute="code", name=f"report-{year}", template=f"PA-{year}-{{n:06d}}")


def missing_number(report: Report) -> tuple[Counter, ...]:
    """The number of a report that has none."""
    return () if report.code else (number(report),)


def derive(use: str, nonce: str) -> str:
    """The part of an id, or a secret, that follows from a fresh nonce: the same call makes the same."""
    return hashlib.sha256(f"report:{use}:{nonce}".encode()).hexdigest()[:32]


def hash_secret(secret: str) -> str:
    """What is stored of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()
