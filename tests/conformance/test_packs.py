"""The contract of every pack, checked for free: whoever adds a folder and names it in `BUILT_IN` is tested here."""

from __future__ import annotations

import ast
import copy
import importlib.util
import itertools
import math
import re
import shutil
import subprocess
import sys
import typing
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from inspect import Parameter, signature
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from province.app.declarations import declarations
from province.errors import DecodeError
from province.model.label import Label
from province.model.schema import Field, describe
from province.model.unit import lookup
from province.pack import Action, Board, Feed, Pack
from province.packs import BUILT_IN
from province.vocab import TYPES
from province.vocab.alert import Alert
from tests.conformance.situation import (
    Situation,
    check,
    dated_constants,
    find_action,
    folder,
    payload,
    situations,
    surroundings,
)
from tests.effort import examples

ROOT = Path(__file__).parents[2]
ALLOWED = ("province.pack", "province.vocab", "province.model", "province.compute", "province.errors")
IMPURE = {"asyncio", "asyncpg", "http", "httpx", "io", "multiprocessing", "nats", "os", "pathlib", "psycopg", "random"}
IMPURE |= {"secrets", "shutil", "socket", "ssl", "subprocess", "tempfile", "threading", "time", "urllib", "uuid"}
CLOCKS = frozenset(("now", "utcnow", "today", "open", "print", "input", "eval", "exec", "__import__"))
EVENT = re.compile(r"[a-z]+\.[a-z]+(?:_[a-z]+)*")
PAST = re.compile(r"(?:ed|en|un|t|put|out|back|known|made|sent|gone)$")
ROW = r"[IV]+(\.\d+[a-z]?)*|P\.\d"
PERMISSION = re.compile(r"[a-z]+\.[a-z]+(?:_[a-z]+)*")

every_pack = pytest.mark.parametrize("pack", BUILT_IN, ids=lambda p: p.name)
every_action = pytest.mark.parametrize(
    ("pack", "action"), [pytest.param(p, a, id=a.name) for p in BUILT_IN for a in p.actions]
)
every_feed = pytest.mark.parametrize(
    ("pack", "feed"), [pytest.param(p, f, id=f.name) for p in BUILT_IN for f in p.feeds]
)
every_case = pytest.mark.parametrize(
    ("pack", "situation"),
    [pytest.param(p, s, id=f"{p.name}: {s.case}") for p in BUILT_IN for s in situations(p)],
)


def case_of(pack: Pack, action: Action) -> Situation:
    """A case that succeeds with this action, or with another type's action of the same logic."""
    for situation in situations(pack):
        if situation.action and situation.fails is None and find_action(pack, situation.action).do is action.do:
            return situation
    raise AssertionError(f"no case of {pack.name} exercises {action.name}")


@every_case
def test_case_ends_as_written(pack: Pack, situation: Situation) -> None:
    named = (situation.rule, situation.action, situation.feed, situation.round)
    assert [bool(name) for name in named].count(True) == 1
    check(pack, situation)


@every_pack
def test_every_round_is_exercised_by_a_case(pack: Pack) -> None:
    cases = {s.round for s in situations(pack)}
    assert {one.name for one in pack.rounds} <= cases


@every_pack
def test_name_is_the_folder_and_the_files_are_there(pack: Pack) -> None:
    here = folder(pack)
    assert here.is_dir()
    for name in ("pack.py", "types.py", "logic.py", "params.yaml", "README.md"):
        assert here.joinpath(name).is_file(), name
    assert re.fullmatch(r"[a-z][a-z0-9_]*", pack.name)
    assert re.fullmatch(ROW, pack.row), pack.row


def test_every_value_of_a_list_has_a_name() -> None:
    for kind in declarations().types.values():
        workflow = kind.info.workflow
        for spec in kind.fields.values():
            named = dict(spec.field.names)
            if workflow is not None and workflow.attribute == spec.name:
                named = dict(workflow.names)
            assert set(spec.field.values) <= set(named), f"{kind.name}.{spec.name}"
            assert all(one.vi and one.en for one in named.values()), f"{kind.name}.{spec.name}"


def test_names_are_taken_once() -> None:
    for names in (
        [p.name for p in BUILT_IN],
        [describe(t).noun for t in (*TYPES, *(t for p in BUILT_IN for t in p.types))],
        [f.name for p in BUILT_IN for f in p.feeds],
        [a.name for p in BUILT_IN for a in p.actions],
        [i.name for p in BUILT_IN for i in p.indicators],
        [b.domain for p in BUILT_IN for b in p.panels if isinstance(b, Board)],
        [c.row for p in BUILT_IN for c in p.checks],
        [f"{p.name}.{t.name}" for p in BUILT_IN for t in p.thresholds],
    ):
        assert len(set(names)) == len(names), names


@every_pack
def test_logic_is_pure_and_imports_only_what_it_may(pack: Pack) -> None:
    own = f"province.packs.{pack.name}"
    for source in Path(str(folder(pack))).rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                modules = [a.name for a in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{source.name}:{node.lineno} imports relatively"
                module = node.module or ""
                modules = [f"{module}.{a.name}" for a in node.names] if module == "province" else [module]
            elif isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                assert called not in CLOCKS, f"{source.name}:{node.lineno} calls {called}()"
                continue
            else:
                continue
            for module in modules:
                assert module.split(".")[0] not in IMPURE, f"{source.name}:{node.lineno} imports {module}"
                if module.split(".")[0] == "province":
                    fits = any(module == a or module.startswith(a + ".") for a in (*ALLOWED, own))
                    assert fits, f"{source.name}:{node.lineno} imports {module}"


@every_pack
def test_every_number_has_a_unit_and_every_label_two_languages(pack: Pack) -> None:
    titled = (*pack.feeds, *pack.actions, *pack.indicators, *pack.checks, *pack.panels, *pack.thresholds)
    labels = [pack.title, *(x.title for x in titled), *(v.label for t in pack.thresholds for v in t.levels)]
    for record in pack.types:
        kind = describe(record)
        labels.append(kind.info.label)
        for spec in kind.fields.values():
            labels.append(spec.field.label)
            labels += [spec.field.hint] if spec.field.hint else []
            if spec.value in ("number", "integer"):
                lookup(spec.unit)
        if kind.info.workflow:
            labels += [e.why for e in kind.info.workflow.edges] + [label for _, label in kind.info.workflow.names]
    for action in pack.actions:
        labels += [f.label for f in fields_of(action).values()]
    for label in labels:
        assert isinstance(label, Label)
        assert label.vi.strip(), label
        assert label.en.strip(), label
    boards = [p for p in pack.panels if isinstance(p, Board)]
    for indicator in (*pack.indicators, *(t for b in boards for t in b.tiles)):
        lookup(indicator.unit)
        assert indicator.title.vi.strip()
        assert indicator.title.en.strip()
        fields = describe(indicator.of).fields
        assert (indicator.measure == "over") == bool(indicator.limit)
        if indicator.limit:
            assert indicator.unit == "C62"
            assert fields[indicator.limit].unit == fields[indicator.field].unit
        elif (below := indicator.base) is not None:
            assert indicator.unit == "P1", indicator.name
            of = [describe(i.of).fields[i.field].unit if i.field else "C62" for i in (indicator, below)]
            assert of[0] == of[1] == below.unit, indicator.name
            assert below.title.vi.strip(), indicator.name
            assert below.title.en.strip(), indicator.name
        elif indicator.field:
            assert fields[indicator.field].unit == indicator.unit, indicator.name
        assert indicator.measure in ("count", "silent") or indicator.field in fields, indicator.name
        assert all(w.name.split(".")[0] in fields for w in indicator.where if hasattr(w, "name"))


@every_pack
def test_checks_name_indicators_of_their_own_pack(pack: Pack) -> None:
    own = {i.name for i in pack.indicators}
    for declared in pack.checks:
        assert declared.indicators, declared.row
        assert set(declared.indicators) <= own, declared.row
        assert re.fullmatch(ROW, declared.row), declared.row
    for indicator in pack.indicators:
        assert not indicator.row or re.fullmatch(ROW, indicator.row), indicator.name


@every_pack
def test_panels_name_fields_that_exist(pack: Pack) -> None:
    for panel in pack.panels:
        fields = describe(panel.of).fields
        named = [getattr(panel, n, "") for n in ("colour_by", "group", "field")]
        named += [*getattr(panel, "columns", ()), *getattr(panel, "by", ())]
        assert {n for n in named if n} <= set(fields), panel


@every_pack
def test_thresholds_name_fields_and_constants_that_exist(pack: Pack) -> None:
    units = {p.name: p.unit for p in dated_constants(pack)}
    alert = describe(Alert).fields
    for one in pack.thresholds:
        fields = describe(one.of).fields
        watched = fields[one.field]
        assert watched.field.observed
        assert watched.value in ("number", "integer")
        assert one.category in alert["category"].field.values
        assert units[one.hysteresis] == watched.unit, one.name
        assert one.levels
        for level in one.levels:
            assert bool(level.parameter) != bool(level.field), f"{one.name}: a constant or a field, not both"
            unit = fields[level.field].unit if level.field else units[level.parameter]
            assert unit == watched.unit, f"{one.name}: {level.label.en}"
            assert level.severity in alert["severity"].field.values
            assert level.urgency in alert["urgency"].field.values


@every_pack
def test_every_parameter_has_a_source_and_a_date(pack: Pack) -> None:
    for parameter in dated_constants(pack):
        assert parameter.source.strip()
        assert parameter.valid_from


@every_pack
def test_workflows_are_sound_and_their_events_are_past(pack: Pack) -> None:
    for record in pack.types:
        workflow = describe(record).info.workflow
        if workflow is None:
            continue
        assert list(workflow.problems()) == []
        assert describe(record).fields[workflow.attribute].field.values == workflow.states
        for edge in workflow.edges:
            assert EVENT.fullmatch(edge.event), edge.event
            assert PAST.search(edge.event.split(".")[1].split("_")[0]), f"{edge.event} is not in the past tense"


@every_pack
def test_permissions_are_nouns_and_verbs_and_somebody_may_have_them(pack: Pack) -> None:
    granted = {p for permissions in pack.roles.values() for p in permissions}
    for need, public in [(a.needs, a.public) for a in pack.actions] + [(f.needs, False) for f in pack.feeds]:
        assert PERMISSION.fullmatch(need), need
        assert public or need in granted, f"no role of {pack.name} has {need}"


def fields_of(action: Action) -> dict[str, Field]:
    """The declared inputs of an action: its keyword parameters besides `context` and the answers to its queries."""
    hints = typing.get_type_hints(action.do, include_extras=True)
    answered = {"context", *(r.name for r in action.reads)}
    found = {}
    for name, parameter in signature(action.do).parameters.items():
        if parameter.kind is Parameter.KEYWORD_ONLY and name not in answered:
            marks = getattr(hints[name], "__metadata__", ())
            found[name] = next(m for m in marks if isinstance(m, Field))
    return found


@every_action
def test_action_is_documented_declared_and_exercised(pack: Pack, action: Action) -> None:
    assert (action.do.__doc__ or "").strip(), f"{action.name} has no docstring"
    assert action.record in (*pack.types, *TYPES)
    positional = [p for p in signature(action.do).parameters.values() if p.kind is not Parameter.KEYWORD_ONLY]
    assert len(positional) == (0 if action.creates else 1), action.name
    fields_of(action)
    workflow = describe(action.record).info.workflow
    assert not action.states or (workflow is not None and set(action.states) <= set(workflow.states))
    case_of(pack, action)


@every_pack
def test_readme_states_purpose_limits_and_sources(pack: Pack) -> None:
    text = folder(pack).joinpath("README.md").read_text("utf-8")
    for heading in ("## Purpose", "## Limits", "## Sources"):
        assert heading in text, heading


def fixture_of(pack: Pack, feed: Feed) -> tuple[Callable[[bytes], Any], bytes]:
    """A feed's decoder bound to the context of its first good case, and that case's payload."""
    for situation in situations(pack):
        if situation.feed == feed.name and situation.fails is None:
            decode = partial(feed.decode, context=surroundings(pack, situation))
            return decode, payload(pack, situation.payload)
    raise AssertionError(f"no case of {pack.name} exercises feed {feed.name}")


@every_feed
@settings(max_examples=examples(80), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutilated_payload_gives_only_a_decode_error(pack: Pack, feed: Feed, data: st.DataObject) -> None:
    decode, good = fixture_of(pack, feed)
    form = mutilated_xml if good.lstrip().startswith(b"<") else mutilated_json
    how = data.draw(st.sampled_from(("cut", "flip", "random", "form")))
    if how == "cut":
        raw = good[: data.draw(st.integers(0, len(good)))]
    elif how == "flip":
        changed = bytearray(good)
        for at in data.draw(st.lists(st.integers(0, len(good) - 1), min_size=1, max_size=8)):
            changed[at] ^= data.draw(st.integers(1, 255))
        raw = bytes(changed)
    elif how == "random":
        raw = data.draw(st.binary(max_size=300))
    else:
        raw = form(good, data)
    with suppress(DecodeError):
        decode(raw)


def mutilated_json(good: bytes, data: st.DataObject) -> bytes:
    """The document with one place replaced."""
    return msgspec.json.encode(mutilate(msgspec.json.decode(good), data))


def mutilated_xml(good: bytes, data: st.DataObject) -> bytes:
    """The document with one element taken out, doubled, renamed, moved, filled with junk, or given an attribute."""
    root = etree.fromstring(good)
    every = list(root.iter(etree.Element))
    chosen = every[data.draw(st.integers(0, len(every) - 1))]
    parent = chosen.getparent()
    how = data.draw(st.sampled_from(("out", "double", "rename", "move", "text", "attribute")))
    if how == "out" and parent is not None:
        parent.remove(chosen)
    elif how == "double" and parent is not None:
        parent.append(copy.deepcopy(chosen))
    elif how == "rename":
        chosen.tag = data.draw(st.sampled_from(("x", "{urn:x}y", every[-1].tag, every[0].tag)))
    elif how == "move" and parent is not None:
        parent.insert(0, chosen)
    elif how == "text":
        chosen.text = data.draw(st.text("0123456789abcXYZ ,.:+-=é", max_size=20))
    else:
        chosen.set(
            data.draw(st.sampled_from(("a", "URI", "Algorithm", "{urn:x}b"))),
            data.draw(st.sampled_from(("", "#x", "1"))),
        )
    return bytes(etree.tostring(root))


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.sampled_from(
        ({}, [], [[]], {"type": "Property"}, {"value": None}, {"@value": 5}, [1, 2], "2026-13-01T00:00:00Z")
    ),
)


def mutilate(node: Any, data: st.DataObject) -> Any:
    """The document with one place, drawn at random, replaced by junk."""
    if isinstance(node, dict) and node and data.draw(st.integers(0, 5)):
        key = data.draw(st.sampled_from(sorted(node)))
        return {**node, key: mutilate(node[key], data)}
    if isinstance(node, list) and node and data.draw(st.integers(0, 5)):
        at = data.draw(st.integers(0, len(node) - 1))
        return [*node[:at], mutilate(node[at], data), *node[at + 1 :]]
    return data.draw(JUNK)


def load_script() -> ModuleType:
    """`scripts/new_pack.py` as a module."""
    spec = importlib.util.spec_from_file_location("new_pack", ROOT / "scripts" / "new_pack.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def copy_of_the_project(target: Path) -> Path:
    """Sources, the tests that name no pack, and settings of the tools, without anything generated."""
    without = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*_cache", "node_modules")
    for name in ("src", "data", "scripts", "tests/conformance", "tests/territory", "tests/vocab"):
        shutil.copytree(ROOT / name, target / name, ignore=without)
    for name in ("pyproject.toml", "tests/__init__.py", "tests/conftest.py", "tests/effort.py", "tests/ports.py",
                 "tests/shared.py"):  # fmt: skip
        shutil.copy(ROOT / name, target / name)
    return target


def conforms(root: Path) -> subprocess.CompletedProcess[str]:
    """Run those tests in a copy of the project, on the copy's sources."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not slow"]
    where = {"PYTHONPATH": str(root / "src"), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    run = subprocess.run(
        [*command, "tests/conformance", "--ignore=tests/conformance/ngsild", "tests/territory", "tests/vocab"],
        cwd=root,
        env={**where, "PROVINCE_TESTS": "quick"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert f"{root}" in where_is_province(root), "the copy was not what ran"
    return run


def where_is_province(root: Path) -> str:
    """The file that `import province` finds in the copy."""
    command = [sys.executable, "-c", "import province; print(province.__file__)"]
    env = {"PYTHONPATH": str(root / "src"), "PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, check=True).stdout


def unpluggings(names: Sequence[str]) -> list[list[str]]:
    """Packs to take out together, so that for any two one run has the first without the second, and one the reverse.

    Each pack is in a set of runs of its own; all sets have the same size, so none holds another. Six runs do for
    twenty packs.
    """
    runs = next(n for n in itertools.count(2) if math.comb(n, n // 2) >= len(names))
    sets = dict(zip(names, itertools.combinations(range(runs), runs // 2), strict=False))
    return [[name for name, taken_out in sets.items() if run in taken_out] for run in range(runs)]


UNPLUGGINGS = unpluggings([p.name for p in BUILT_IN])


def test_every_pack_runs_without_every_other() -> None:
    every = {p.name for p in BUILT_IN}
    met = {(kept, out) for run in UNPLUGGINGS for out in run for kept in every.difference(run)}
    assert met == set(itertools.permutations(every, 2))


@pytest.mark.slow
@pytest.mark.parametrize("names", UNPLUGGINGS, ids=lambda names: "-".join(names))
def test_unplugged_packs_leave_the_others_whole(names: list[str], tmp_path: Path) -> None:
    root = copy_of_the_project(tmp_path)
    for name in names:
        load_script().remove(root, name)
        assert not (root / "src/province/packs" / name).exists()
    run = conforms(root)
    assert run.returncode == 0, f"without {names}: {run.stdout[-3000:]}{run.stderr[-1000:]}"


@pytest.mark.slow
def test_new_pack_conforms_at_once(tmp_path: Path) -> None:
    root = copy_of_the_project(tmp_path)
    load_script().add(root, "harbour_berths")
    run = conforms(root)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-1000:]
    assert "harbour_berths" in (root / "pyproject.toml").read_text("utf-8")
    for command in (["ruff", "check", "src/province/packs"], ["ruff", "format", "--check", "src/province/packs"]):
        lint = subprocess.run([sys.executable, "-m", *command], cwd=root, capture_output=True, text=True, check=False)
        assert lint.returncode == 0, lint.stdout


def test_new_pack_refuses_a_bad_or_taken_name(tmp_path: Path) -> None:
    script = load_script()
    for name in ("Bad", "1st", "a-b", "", "class", "packs.x", "../x", BUILT_IN[0].name):
        with pytest.raises(ValueError, match="name"):
            script.add(ROOT, name)


@every_pack
def test_numbers_of_several_types_add_up(pack: Pack) -> None:
    for indicator in pack.indicators:
        assert not indicator.also or indicator.measure in ("count", "sum", "over", "silent"), indicator.name
