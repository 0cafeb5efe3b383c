"""Every sentence that the code of the planners' rooms may refuse something with, as templates, read from its source.

The rooms are the planning packs, the services and pages of studies, and whatever of vocabulary, model, kernels and
adapters they import. An expression that cannot be read is told: then either it or this reader is to be changed.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import province
from province import errors
from province.console.sentences import numbered
from province.errors import ConfigurationError, ProvinceError

SOURCE = Path(province.__file__).parent
PACKS = ("fiveg", "ducts", "transmission", "post", "datacentres", "parks", "studies")
ROOTS = (
    *(f"province.packs.{pack}" for pack in PACKS),
    "province.adapters.studies",
    "province.app.adopting", "province.app.solving", "province.app.studies", "province.app.varying",
    "province.console.outcomes", "province.console.sensitivity", "province.console.studies",
)  # fmt: skip
FOLLOWED = ("packs", "vocab", "model", "compute", "adapters")
KINDS = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, ProvinceError) and not issubclass(kind, ConfigurationError)
}
TOLD = ("detail", "failure", "remedy")
"""Keys under which a refusal is handed on as plain values."""
_GAP = "\0"
_IMPORT = re.compile(r"^\s*from (province[\w.]*) import (\([^)]*\)|[^\n]*)", re.MULTILINE)
_REFUSES = re.compile("|".join((*KINDS, *TOLD)))
Scope = Mapping[str, Sequence[ast.expr]]
Functions = Mapping[str, tuple[ast.FunctionDef | ast.AsyncFunctionDef, Scope]]


class Unreadable(Exception):
    """What is said there cannot be told from the source."""


@dataclass
class Found:
    """templates: text → where it stands.  unreadable: where, and which expression."""

    templates: dict[str, str] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)


def path_of(module: str) -> Path | None:
    """The file of a module."""
    path = SOURCE.joinpath(*module.split(".")[1:])
    return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)


@cache
def text_of(module: str) -> str:
    """The source of a module."""
    path = path_of(module)
    assert path is not None
    return path.read_text("utf-8")


def rooms() -> list[str]:
    """The modules whose refusals a planner may meet."""
    waiting = [module for root in ROOTS for module in (root, *_within(root))]
    seen: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module in seen or path_of(module) is None:
            continue
        seen.add(module)
        for of, names in _IMPORT.findall(text_of(module)):
            if of.split(".")[1:2] and of.split(".")[1] in FOLLOWED:
                waiting += [of, *(f"{of}.{name}" for name in re.findall(r"\w+", names))]
    return sorted(seen)


def _within(package: str) -> list[str]:
    """The modules of a package."""
    return [f"{package}.{path.stem}" for path in SOURCE.joinpath(*package.split(".")[1:]).glob("*.py")]


def composed() -> Found:
    """Every template of every room."""
    found = Found()
    nodes = [
        (module, node, scope)
        for module in rooms()
        if _REFUSES.search(text_of(module))
        for node, scope in _walk(ast.parse(text_of(module)))
    ]
    functions = {
        node.name: (node, scope)
        for _, node, scope in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }  # fmt: skip
    for module, node, scope in nodes:
        for expression in _told(node, functions):
            try:
                for text in _texts(expression, scope, functions):
                    pieces = text.split(_GAP)
                    if any(c.isalpha() for piece in pieces for c in piece):
                        found.templates.setdefault(numbered(pieces), f"{module}:{expression.lineno}")
            except Unreadable as problem:
                found.unreadable.append(f"{module}:{expression.lineno}: {problem}")
    return found


def _walk(tree: ast.Module) -> Iterator[tuple[ast.AST, Scope]]:
    """Every node with the names that stand for expressions there; a parameter stands for none."""
    waiting: list[tuple[ast.AST, Scope]] = [(tree, _assigned(tree.body))]
    while waiting:
        node, scope = waiting.pop()
        yield node, scope
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            parameters = {a.arg: () for a in ast.walk(node.args) if isinstance(a, ast.arg)}
            scope = {**scope, **_assigned(ast.walk(node)), **parameters}
        waiting += [(child, scope) for child in ast.iter_child_nodes(node)]


def _assigned(nodes: Iterable[ast.AST]) -> dict[str, list[ast.expr]]:
    """The expressions that each name stands for."""
    found: dict[str, list[ast.expr]] = {}
    for one in nodes:
        if isinstance(one, ast.Assign | ast.AnnAssign) and one.value is not None:
            for target in one.targets if isinstance(one, ast.Assign) else [one.target]:
                if isinstance(target, ast.Name):
                    found.setdefault(target.id, []).append(one.value)
    return found


def _told(node: ast.AST, functions: Functions) -> list[ast.expr]:
    """Expressions that become the detail or the remedy of a refusal."""
    if isinstance(node, ast.Dict):
        return [
            value for key, value in zip(node.keys, node.values, strict=True)
            if isinstance(key, ast.Constant) and key.value in TOLD and isinstance(value, ast.Constant | ast.JoinedStr)
        ]  # fmt: skip
    if not isinstance(node, ast.Call):
        return []
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    if name == ConfigurationError.__name__:
        return []
    remedies = [k.value for k in node.keywords if k.arg == "remedy"]
    if name in KINDS:
        return [*node.args[:1], *remedies]
    if name in functions:
        names = [a.arg for a in functions[name][0].args.args]
        remedies += node.args[names.index("remedy") :][:1] if "remedy" in names else []
    return remedies


def _texts(node: ast.expr, scope: Scope, functions: Functions) -> list[str]:
    """What an expression may say, with `_GAP` for each value."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        parts = [_part(v, scope) for v in node.values]
        return ["".join(chosen) for chosen in itertools.product(*parts)]
    if isinstance(node, ast.IfExp):
        return _texts(node.body, scope, functions) + _texts(node.orelse, scope, functions)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        pairs = itertools.product(_texts(node.left, scope, functions), _texts(node.right, scope, functions))
        return [a + b for a, b in pairs]
    if isinstance(node, ast.Attribute) and node.attr in (*TOLD, "en"):
        return [] if node.attr in TOLD else _texts(node.value, scope, functions)
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value in TOLD:
        return []
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        tables = [e for e in scope.get(node.value.id, ()) if isinstance(e, ast.Dict)]
        if tables:
            return [t for table in tables for value in table.values for t in _texts(value, scope, functions)]
    if isinstance(node, ast.Name) and node.id in scope:
        return [t for value in scope[node.id] for t in _texts(value, scope, functions)]
    if isinstance(node, ast.Call):
        return _called(node, scope, functions)
    raise Unreadable(ast.unparse(node))


def _part(node: ast.expr, scope: Scope) -> list[str]:
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    assert isinstance(node, ast.FormattedValue)
    if isinstance(node.value, ast.IfExp) or (isinstance(node.value, ast.Name) and scope.get(node.value.id)):
        try:
            return _texts(node.value, scope, {}) or [_GAP]
        except Unreadable:
            return [_GAP]
    return [_GAP]


def _called(node: ast.Call, scope: Scope, functions: Functions) -> list[str]:
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    if name == "Label":
        return _texts(node.args[1], scope, functions)
    if isinstance(node.func, ast.Attribute) and name in ("strip", "capitalize"):
        said = _texts(node.func.value, scope, functions)
        return [getattr(text, name)() for text in said]
    if name not in functions:
        raise Unreadable(ast.unparse(node))
    called, outside = functions[name]
    inside = {**outside, **_assigned(ast.walk(called))}
    returned = [n.value for n in ast.walk(called) if isinstance(n, ast.Return) and n.value is not None]
    return [text for one in returned for text in _texts(one, inside, {})]
