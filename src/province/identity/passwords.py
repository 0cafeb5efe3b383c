"""Passwords: argon2id in a few threads, never on the event loop. Hashes rise with the parameters at sign-in."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import argon2
from argon2.exceptions import InvalidHashError, VerificationError

from province.errors import InvalidInput, RateLimited
from province.model.text import fold, nfc

R = TypeVar("R")

SHORTEST = 10
LONGEST = 200
_TIME_COST = 2
_MEMORY_KIB = 32 * 1024
"""32 MiB and two passes: 45-75 ms on one core of the machine we measured; above the OWASP floor (19 MiB, 2)."""


def generate() -> str:
    """A random password of 120 bits that can be read over the telephone: groups of letters and digits."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(6)) for _ in range(4))


def check_strength(password: str, *, login: str, field: str = "password") -> None:
    """Refuse passwords that are short, endless, repetitive or built on the login. Raises: InvalidInput."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidInput(
            f"The password has {len(password)} characters; {SHORTEST} to {LONGEST} are expected.",
            field=field,
            remedy="A sentence of several words is easy to remember and hard to guess.",
        )
    if len(set(password)) < 5:
        raise InvalidInput("The password repeats a few characters.", field=field, remedy="Use at least five different.")
    if fold(login) in fold(password):
        raise InvalidInput("The password contains the login.", field=field, remedy="Choose one without it.")


class Passwords:
    """Hashes and checks passwords. threads: hashes at a time (each 32 MiB).  waiting: callers queued before refusal."""

    def __init__(self, *, threads: int = 2, waiting: int = 64) -> None:
        self._hasher = argon2.PasswordHasher(time_cost=_TIME_COST, memory_cost=_MEMORY_KIB, parallelism=1)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._room = threads + waiting
        self._busy = 0
        self._dummy = self._hasher.hash(secrets.token_urlsafe(16))

    async def hash(self, password: str) -> str:
        """The argon2id hash of a password (in normal form C, so that every keyboard types the same)."""
        return await self._run(self._hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password fits. None (unknown or password-less account) costs as much time and never fits."""
        fits = await self._run(self._verify, stored or self._dummy, password)
        return fits and stored is not None

    def outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        """Let running hashes end and stop the threads."""
        self._threads.shutdown(wait=True)

    async def _run(self, work: Callable[..., R], *arguments: str) -> R:
        if self._busy >= self._room:
            raise RateLimited("Too many sign-ins at once.", retry_after_s=2.0, remedy="Try again in a moment.")
        self._busy += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)
        finally:
            self._busy -= 1

    def _hash(self, password: str) -> str:
        return self._hasher.hash(_octets(password))

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, _octets(password))
        except (VerificationError, InvalidHashError):
            return False


def _octets(password: str) -> bytes:
    # Lone surrogates cannot be typed, yet JSON escapes can carry them: they must be a wrong password, not a failure.
    return nfc(password).encode("utf-8", "surrogatepass")
