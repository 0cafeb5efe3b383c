"""An inventory of an installation before and after an order, and every difference with its reason. Nothing of the
product is imported: plain SQL, plain HTTP, JSON; the rules of what an order may change are written down here again.

    merger_inventory.py take --dsn DSN --url URL --tokens tokens.json --out before.json
    merger_inventory.py compare before.json after.json --order order.json [--order …] --work work.json

`tokens.json`: {name of a user: token}. `work.json`: {"created": [ids], "changed": [ids]}: what users did meanwhile.
Ends with code 1 when a difference is left that no rule explains.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import sys
import urllib.parse
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import asyncpg

BACKGROUND = ("Alert", "Milestone", "Goal", "PlanValue")
"""Types that rules and jobs write while readings come in; not a user's and not an order's work."""
KEPT = (
    "status", "dueAt", "assignedTo", "area", "parent", "validFrom", "validTo", "successors", "successor", "code",
    "name", "identifier",
)  # fmt: skip
"""Attributes that are compared one by one; of the others only whether they changed."""
Rows = dict[str, Any]


async def take(dsn: str, url: str, users: dict[str, str]) -> Rows:
    """Everything that an order could lose."""
    connection = await asyncpg.connect(dsn)
    try:
        entities = await connection.fetch("SELECT id, type, agency, area, attrs::text AS attrs FROM entity")
        found: Rows = {
            "entities": {r["id"]: _entity(r) for r in entities},
            "grants": {
                str(r["id"]): [str(r["account"]), r["role"], r["agency"], sorted(r["areas"]), str(r["valid"])]
                for r in await connection.fetch("SELECT * FROM grant_")
            },
            "accounts": {
                str(r["id"]): {"login": r["login"], "agency": r["agency"], "disabled": r["disabled_at"] is not None}
                for r in await connection.fetch("SELECT * FROM account")
            },
            "tokens": {
                r["id"]: [str(r["account"]), r["agency"], r["revoked_at"] is None, sorted(r["permissions"])]
                for r in await connection.fetch("SELECT * FROM token")
            },
            "subscriptions": {
                r["id"]: hashlib.sha256(r["document"].encode()).hexdigest()
                for r in await connection.fetch("SELECT id, document::text AS document FROM subscription")
            },
            "sent": {r["id"]: r["n"] for r in await connection.fetch("SELECT id, times_sent AS n FROM subscription")},
            "dead": {
                r["id"]: r["n"]
                for r in await connection.fetch(
                    "SELECT subscription AS id, count(*) AS n FROM notification WHERE state = 'open' GROUP BY 1"
                )
            },
            "readings": await connection.fetchval("SELECT coalesce(sum(readings), 0)::bigint FROM area_hour"),
            "atoms": {
                r["id"]: {"from": r["cut_from"], "divided": r["divided"]}
                for r in await connection.fetch("SELECT id, cut_from, divided FROM atom")
            },
            "failed": await connection.fetchval("SELECT count(*) FROM failed_effect WHERE state = 'open'"),
        }
    finally:
        await connection.close()
    found["sees"] = {name: sorted(_sees(url, token)) for name, token in users.items()}
    return found


def _entity(row: Any) -> Rows:
    attrs = json.loads(row["attrs"])

    def value(name: str) -> Any:
        return (attrs.get(name) or {}).get("value")

    rest = {k: (v or {}).get("value") for k, v in attrs.items() if k not in KEPT}
    digest = hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
    return {"type": row["type"], "owner": row["agency"], "stamp": row["area"], "rest": digest,
            **{k: value(k) for k in KEPT}}  # fmt: skip


def _sees(url: str, token: str) -> set[str]:
    """The reports that a user sees, by HTTP, page by page."""
    found: set[str] = set()
    after = 0
    while True:
        query = urllib.parse.urlencode({"type": "Report", "limit": 1000, "offset": after, "options": "keyValues"})
        request = urllib.request.Request(
            f"{url}/ngsi-ld/v1/entities?{query}", headers={"Authorization": f"Bearer {token}"}
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            page = json.load(answer)
        found |= {e["id"] for e in page}
        if len(page) < 1000:
            return found
        after += 1000


class Rules:
    """What orders may change, read from their text and from the two inventories alone."""

    def __init__(self, before: Rows, after: Rows, orders: list[Rows], work: Rows) -> None:
        self.before, self.after = before, after
        self.made, self.touched = set(work["created"]), set(work["changed"])
        self.new_areas: set[str] = set()
        self.ending: set[str] = set()
        self.new_agencies: set[str] = set()
        self.partly: set[str] = set()
        for order in orders:
            self._read(order)

    def _read(self, order: Rows) -> None:
        day = order["effective"]
        for article in order["articles"]:
            units = [article["into"]] if article.get("into") else [p["unit"] for p in article.get("parts", ())]
            for unit in units:
                self.new_areas.add(f"urn:ngsi-ld:Area:{unit['code']}:{day}")
                self.new_agencies.add(f"urn:ngsi-ld:Agency:{unit.get('committee') or 'ubnd-' + unit['code']}:{day}")
            if article.get("office"):
                self.new_agencies.add(f"urn:ngsi-ld:Agency:{article['office']['identifier']}:{day}")
            self.ending |= {*article.get("units", ()), *article.get("agencies", ())}
            for atom in article.get("atoms", ()):  # atom:OLD-NEW names the unit of which it is a part
                mark = f"urn:ngsi-ld:Area:{atom[5:].split('-')[0]}:"
                self.partly |= {i for i in self.before["entities"] if i.startswith(mark)}
        self.ending |= self.partly
        for id, entity in self.before["entities"].items():  # committees end with their units
            if entity["type"] == "Agency" and entity["area"] in self.ending and ":ubnd-" in id:
                self.ending.add(id)

    def new(self, id: str, entity: Rows) -> str:
        """Why an id is there that was not, or empty."""
        if entity["type"] == "Area" and id in self.new_areas:
            return "unit that the order makes"
        if entity["type"] == "Agency" and id in self.new_agencies:
            return "agency that the order makes"
        if entity["type"] == "Reorganisation":
            return "the order itself"
        if id in self.made:
            return "made by a user at work"
        return "written by rules and jobs at work" if entity["type"] in BACKGROUND else ""

    def change(self, id: str, field: str, was: Any, now: Any) -> str:
        """Why a field of an entity differs, or empty."""
        entity = self.after["entities"][id]
        if entity["type"] in BACKGROUND:
            return "written by rules and jobs at work"
        if field in ("validTo", "successors", "successor") and id in self.ending and not was:
            return "it ends by the order"
        if field == "stamp" and self.after["atoms"].get(was, {}).get("divided") and self._inside(now, was):
            return "its land was divided"
        if field in ("assignedTo", "owner") and was in self.ending and self._succeeds(was, now):
            return "its agency has a successor"
        if (
            field == "area"
            and was in self.ending
            and now in self.new_areas
            and entity["status"] not in ("closed", "rejected")
        ):
            return "open work moves to the new unit"
        if id in self.touched and field in ("status", "rest"):
            return "changed by a user at work"
        if id in self.made and (was is None or (field == "status" and was == "new")):
            return "given to its agency"
        return ""

    def _inside(self, stamp: str, origin: str) -> bool:
        at: str | None = stamp
        while at:
            if at == origin:
                return True
            at = self.after["atoms"].get(at, {}).get("from")
        return False

    def _succeeds(self, former: str, now: str) -> bool:
        """Whether `now` is the successor that the record names, or the committee of a unit that the unit became."""
        agency = self.after["entities"].get(former, {})
        if agency.get("successor"):
            return now == agency["successor"] or self._succeeds(agency["successor"], now)
        unit = self.after["entities"].get(agency.get("area") or "", {})
        return self.after["entities"].get(now, {}).get("area") in (unit.get("successors") or ())


def compare(before: Rows, after: Rows, orders: list[Rows], work: Rows) -> tuple[Counter[str], list[str]]:
    """Every difference: how often each reason explains one, and those that none does."""
    rules = Rules(before, after, orders, work)
    explained: Counter[str] = Counter()
    left: list[str] = []

    def judge(what: str, reason: str) -> None:
        if reason:
            explained[f"{what.split()[0]}: {reason}"] += 1
        else:
            left.append(what)

    left += [f"lost {id}" for id in before["entities"].keys() - after["entities"].keys()]
    for id in after["entities"].keys() - before["entities"].keys():
        judge(f"new {id}", rules.new(id, after["entities"][id]))
    for id in before["entities"].keys() & after["entities"].keys():
        was, now = before["entities"][id], after["entities"][id]
        for field in was:
            if was[field] != now[field]:
                judge(f"{field} of {id}: {was[field]} -> {now[field]}", rules.change(id, field, was[field], now[field]))
    for kind in ("grants", "tokens", "subscriptions"):
        left += [
            f"{kind} {id}: {before[kind].get(id)} -> {after[kind].get(id)}"
            for id in before[kind].keys() | after[kind].keys()
            if before[kind].get(id) != after[kind].get(id)
        ]
    for id in before["accounts"].keys() | after["accounts"].keys():
        was, now = before["accounts"].get(id), after["accounts"].get(id)
        if was != now:
            moved = was and now and {**was, "agency": now["agency"]} == now and was["agency"] in rules.ending
            judge(f"home of account {id}: {was} -> {now}", "its agency has a successor" if moved else "")
    for name, was in before["sees"].items():
        gone = set(was) - set(after["sees"][name])
        if gone:
            left.append(f"{name} sees no more: {sorted(gone)}")
        gained = set(after["sees"][name]) - set(was) - rules.made
        for id in gained:
            owner = after["entities"][id]["owner"]
            judge(f"sight of {name}: {id}", "its new agency has it" if owner in rules.new_agencies else "")
    for id, n in before["sent"].items():
        if after["sent"].get(id, 0) < n:
            left.append(f"subscription {id} has sent {after['sent'].get(id)} after {n}")
    if after["dead"] != before["dead"]:
        left.append(f"notifications given up: {before['dead']} -> {after['dead']}")
    if after["failed"] != before["failed"]:
        left.append(f"failed effects: {before['failed']} -> {after['failed']}")
    if after["readings"] < before["readings"]:
        left.append(f"readings counted: {before['readings']} -> {after['readings']}")
    return explained, left


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(dest="step", required=True)
    one = steps.add_parser("take")
    for name in ("--dsn", "--url", "--tokens", "--out"):
        one.add_argument(name, required=True)
    two = steps.add_parser("compare")
    two.add_argument("before")
    two.add_argument("after")
    two.add_argument("--order", action="append", required=True)
    two.add_argument("--work", required=True)
    given = parser.parse_args()

    def read(path: str) -> Any:
        return json.loads(Path(path).read_text("utf-8"))

    if given.step == "take":
        found = asyncio.run(take(given.dsn, given.url, read(given.tokens)))
        Path(given.out).write_text(json.dumps(found, ensure_ascii=False, sort_keys=True), "utf-8")
        counts = {k: len(v) for k, v in found.items() if isinstance(v, dict)}
        print(", ".join(f"{n} {k}" for k, n in counts.items()) + f", {found['readings']} readings")
        return 0
    explained, left = compare(read(given.before), read(given.after), [read(o) for o in given.order], read(given.work))
    for reason, n in sorted(explained.items()):
        print(f"{n:6}  {reason}")
    for what in sorted(left):
        print(f"UNEXPLAINED  {what}")
    print(f"{sum(explained.values())} differences explained, {len(left)} not")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
