"""A workflow is a table: one row per edge, with the reason on it. The broker refuses a change that is not a row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from province.errors import Conflict
from province.model.label import Label


@dataclass(frozen=True, slots=True)
class Edge:
    """From one state to another. `event` is the past-tense event it raises; `why` is shown to people."""

    source: str
    target: str
    event: str
    why: Label


@dataclass(frozen=True, slots=True)
class Workflow:
    """States of one attribute. initial: state of a new entity. final: states in which the work is over."""

    attribute: str
    initial: str
    final: frozenset[str]
    edges: tuple[Edge, ...]
    names: tuple[tuple[str, Label], ...]
    """(state, name on screen) for every state."""

    @property
    def states(self) -> tuple[str, ...]:
        """Every state, in declared order."""
        return tuple(state for state, _ in self.names)

    def label(self, state: str) -> Label:
        """The name of a state on screen."""
        return dict(self.names)[state]

    def edges_from(self, state: str) -> tuple[Edge, ...]:
        """The edges that leave a state."""
        return tuple(e for e in self.edges if e.source == state)

    def edge(self, source: str, target: str) -> Edge:
        """The edge between two states. Raises: Conflict naming the allowed targets."""
        for e in self.edges:
            if e.source == source and e.target == target:
                return e
        allowed = ", ".join(e.target for e in self.edges_from(source)) or "none: it is final"
        raise Conflict(
            f"cannot go from {source!r} to {target!r}.", field=self.attribute, remedy=f"Allowed next states: {allowed}."
        )

    def problems(self) -> Iterable[str]:
        """What is wrong with the declaration: unreachable states, dead ends, unnamed states."""
        names = set(self.states)
        mentioned = {e.source for e in self.edges} | {e.target for e in self.edges} | {self.initial} | self.final
        for state in sorted(mentioned - names):
            yield f"state {state!r} has no name on screen"
        reached = {self.initial}
        while more := {e.target for e in self.edges if e.source in reached} - reached:
            reached |= more
        for state in sorted(names - reached):
            yield f"state {state!r} cannot be reached from {self.initial!r}"
        ending = set(self.final)
        while more := {e.source for e in self.edges if e.target in ending} - ending:
            ending |= more
        for state in sorted(names - ending):
            yield f"state {state!r} cannot end"
