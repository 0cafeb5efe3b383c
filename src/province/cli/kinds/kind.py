"""What a kind of study is as a command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of study as a command. layers: name → help.  instead: a budget that needs no prices.

    counted: words for what a budget without a unit of measure is a number of.
    priced: prices without which a budget in đồng is refused at once.  table: the one that is printed.
    usual: the budget when none is given; empty: it must be given.
    takes: it may take over what a study of another kind found.
    """

    name: str
    help: str
    examples: str
    budget: str
    layers: Mapping[str, str]
    prices: str
    priced: tuple[str, ...]
    instead: str
    table: str
    counted: tuple[str, ...] = ()
    usual: str = ""
    takes: bool = False
