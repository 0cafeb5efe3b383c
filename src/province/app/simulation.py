"""The process `simulate`: invented sensors, each with its own connection and credential.

Without options it plays the example's sensors, which the server has registered; the supervisor starts it so. With
options it registers a fleet of its own, whose serial numbers begin with the seed, and plays that: it may run beside.
"""

from __future__ import annotations

import asyncio
import json
import logging
import resource
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from province.app.core import Core, open_core
from province.app.example import known
from province.errors import InvalidInput, NotFound
from province.identity import secret_file
from province.ingest.conduct import draw, flood
from province.ingest.credentials import digest, issue_credential
from province.ingest.simulate import Simulated, Storms, simulate
from province.model.actor import system
from province.model.change import Change
from province.model.time import now
from province.packs.devices.example import DOMAINS, RHYTHMS, falls_silent, gauges, register, sensors
from province.settings import Settings
from province.vocab.sensing import Sensor

log = logging.getLogger(__name__)
PERIOD_S = 20.0
FLEET_PERIOD_S = 60.0
DRILL_PERIOD_S = 5.0
SILENT_AFTER = 6
"""Readings after which the sensors that fall silent do so."""
STORM_EVERY_S = 300.0
DRILL_GAUGES = 3
DRILL_RISE_M = 2.0
"""From the lowest of the gauges' rhythm, 0.55 m before dawn, over alarm level III of the example, 2.2 m."""
_PART = 500
_SPARE_FILES = 200


@dataclass(frozen=True, slots=True)
class Plan:
    """What the command line asks for. devices: size of a fleet of its own, None: the example's sensors.  domains: of
    the fleet; empty: all.

    scenario: "" or "flood", a drill on gauges of its own.
    """

    devices: int | None = None
    domains: tuple[str, ...] = ()
    speed: float = 1.0
    seed: int = 0
    faults: bool = False
    scenario: str = ""


async def main(settings: Settings, plan: Plan) -> None:
    """Pretend until cancelled."""
    facts, _ = known(settings.example)
    _allow_files(plan.devices or 0)
    own = plan.devices is not None or bool(plan.scenario)
    async with open_core(settings, "simulate", connections=2) as core:
        if plan.scenario:
            # Every drill has gauges of its own: what they rise to is no sequel of what another drill left behind.
            prefix = f"D{plan.seed}-{now():%m%d%H%M%S}-"
            invented: tuple[Sensor, ...] = gauges(facts.areas, facts.positions, count=DRILL_GAUGES, prefix=prefix)
        elif plan.devices is not None:
            prefix = f"S{plan.seed}-"
            invented = sensors(
                facts.areas, facts.positions, count=plan.devices, domains=plan.domains or DOMAINS, prefix=prefix
            )
        else:
            prefix, invented = "", sensors(facts.areas, facts.positions)
        if own:
            await _register(core, register(invented, facts.agencies))
        logins = await _credentials(core, invented, prefix)
    devices = [_device(s, logins[s.id], plan) for s in invented if s.id in logins]
    log.info("simulator starts", extra={"devices": len(devices), "seed": plan.seed, "scenario": plan.scenario})
    tls = ssl.create_default_context(cafile=settings.tls_certificate) if settings.tls_certificate else None
    await simulate(
        devices,
        host=settings.mqtt_host,
        port=settings.mqtt_port,
        stop=asyncio.Event(),
        speed=plan.speed,
        tls=tls,
        seed=plan.seed,
        storms=Storms(every_s=STORM_EVERY_S, seed=plan.seed) if plan.faults else None,
    )


def _device(sensor: Sensor, login: tuple[str, str], plan: Plan) -> Simulated:
    own = plan.devices is not None
    return Simulated(
        login=login[0],
        secret=login[1],
        entity=sensor.id,
        rhythms=RHYTHMS[type(sensor)],
        period_s=DRILL_PERIOD_S if plan.scenario else FLEET_PERIOD_S if own else PERIOD_S,
        silent_after=SILENT_AFTER if not plan.scenario and falls_silent(sensor) else None,
        conduct=draw(sensor.id, seed=plan.seed, faults=plan.faults),
        courses=flood(DRILL_RISE_M) if plan.scenario == "flood" else {},
        group=sensor.gateway or "",
    )


def _allow_files(devices: int) -> None:
    """Each connection is an open file. Raises: InvalidInput when the system grants fewer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = devices + _SPARE_FILES
    if hard != resource.RLIM_INFINITY and wanted > hard:
        raise InvalidInput(
            f"{devices} devices need {wanted} open files, the system grants {hard}.",
            field="devices",
            remedy="Raise the limit (ulimit -n) or simulate fewer.",
        )
    if soft != resource.RLIM_INFINITY and wanted > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _register(core: Core, changes: Sequence[Change]) -> None:
    actor = system(core.settings.tenant, "simulator")
    for start in range(0, len(changes), _PART):
        await core.broker.apply(changes[start : start + _PART], actor)


async def _credentials(core: Core, invented: Iterable[Sensor], prefix: str) -> Mapping[str, tuple[str, str]]:
    """Login and secret of each sensor: those of the last start where they still hold, else new ones.

    They stand in the file `simulator` (0600) among the secrets: a device in the field keeps its own likewise.
    """
    path = core.settings.secrets / f"simulator{'-' + prefix.rstrip('-') if prefix else ''}"
    known: dict[str, tuple[str, str]] = {}
    if path.exists():
        known = {device: (login, secret) for device, (login, secret) in json.loads(secret_file.read(path)).items()}
    actor = system(core.settings.tenant, "simulator")
    async with core.pool.acquire() as connection:
        rows = await connection.fetch(
            "SELECT device, secret_hash FROM device_credential WHERE tenant = $1 AND revoked_at IS NULL", actor.tenant
        )
        valid = {row["device"]: bytes(row["secret_hash"]) for row in rows}
        kept = {d: pair for d, pair in known.items() if valid.get(d) == digest(pair[1])}
        for sensor in invented:
            if sensor.id in kept:
                continue
            try:
                made = await issue_credential(connection, actor, sensor.id)
            except NotFound:
                log.warning("an invented sensor is not registered", extra={"device": sensor.id})
                continue
            kept[sensor.id] = (made.login, made.secret)
    if kept != known:
        secret_file.write(path, json.dumps(kept).encode())
    return kept
