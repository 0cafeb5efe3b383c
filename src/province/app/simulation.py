"""The process `simulate`: the example's invented sensors, each with its own connection and credential."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import Mapping, Sequence

from province.app.core import Core, open_core
from province.app.example import folder
from province.errors import NotFound
from province.identity import secret_file
from province.ingest.credentials import digest, issue_credential
from province.ingest.simulate import Simulated, simulate
from province.model.actor import system
from province.packs.devices.example import RHYTHMS, falls_silent, sensors
from province.settings import Settings
from province.territory.example import read_facts
from province.vocab.sensing import Sensor

log = logging.getLogger(__name__)
PERIOD_S = 20.0
SILENT_AFTER = 6
"""Readings after which the sensors that fall silent do so."""


async def main(settings: Settings, *, speed: float) -> None:
    """Pretend until cancelled."""
    facts = read_facts(folder())
    invented = sensors(facts.areas, facts.positions)
    async with open_core(settings, "simulate", connections=2) as core:
        logins = await _credentials(core, invented)
    devices = [
        Simulated(
            login=logins[s.id][0],
            secret=logins[s.id][1],
            entity=s.id,
            rhythms=RHYTHMS[type(s)],
            period_s=PERIOD_S,
            silent_after=SILENT_AFTER if falls_silent(s) else None,
        )
        for s in invented
        if s.id in logins
    ]
    log.info("simulator starts", extra={"devices": len(devices)})
    tls = ssl.create_default_context(cafile=settings.tls_certificate) if settings.tls_certificate else None
    await simulate(
        devices, host=settings.mqtt_host, port=settings.mqtt_port, stop=asyncio.Event(), speed=speed, tls=tls
    )


async def _credentials(core: Core, invented: Sequence[Sensor]) -> Mapping[str, tuple[str, str]]:
    """Login and secret of each sensor: those of the last start where they still hold, else new ones.

    They stand in the file `simulator` (0600) among the secrets: a device in the field keeps its own likewise.
    """
    path = core.settings.secrets / "simulator"
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
