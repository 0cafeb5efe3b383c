"""The composition root: the only room that knows all others."""

from __future__ import annotations


def main() -> None:
    """Entry point of the command `province`."""
    from province.app.installation import Installation
    from province.cli.main import main as command_line

    command_line(Installation.open)
