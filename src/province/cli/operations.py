"""What the command line asks of the composition root."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Protocol

from province.cli.client import Client
from province.identity.blocks import Proof
from province.identity.checking import Report


class Operations(Protocol):
    """The operations of one installation. Each raises errors of `province.errors`."""

    def run(self, *, simulate: bool | None, example: bool, map_of: str = "") -> None:
        """Supervise everything until a signal. map_of: the example as known on that civil day."""
        ...

    def process(self, name: str, number: int = 1) -> None:
        """Be one of the supervised processes: serve, ingest, work."""
        ...

    def simulate(self, **asked: Any) -> None:
        """Send invented readings over MQTT until a signal."""
        ...

    def simulate_zalo(self, text: str, place: tuple[float, float] | None, sender: str) -> int:
        """Send an invented message as Zalo would; returns the HTTP status. place: (longitude, latitude)."""
        ...

    def status(self) -> dict[str, Any]:
        """{healthy, address, children: {name: {state, pid, restarts, …}}}."""
        ...

    def backup(self, folder: Path) -> Path:
        """Write a backup; returns its folder."""
        ...

    def restore(self, source: Path, keys: Path) -> None:
        """Restore into an empty home."""
        ...

    def migrate(self) -> list[int]:
        """Apply migrations; returns their numbers."""
        ...

    def rotate_key(self) -> int:
        """Rotate the master key; returns how many secrets were encrypted anew."""
        ...

    def verify_audit(self, heads: str, since: date | int | None, *, values: bool) -> Report:
        """Check the sealed audit against exported heads (None: this installation's), and the values of the history."""
        ...

    def prove_audit(self, row: int) -> Proof:
        """The proof that a row was sealed."""
        ...

    def rotate_audit_key(self) -> str:
        """Replace the key that signs the audit; returns the id of the new one."""
        ...

    def client(self) -> Client:
        """An HTTP client of the running server with the caller's token."""
        ...
