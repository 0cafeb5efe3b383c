"""The real product, started for a benchmark: `province run` in a temporary home, production settings, one token."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import free_port

from province.engines.facade import Engines
from province.settings import Settings


@dataclass(frozen=True, slots=True)
class Product:
    """A running installation. token: of an administrator's service account."""

    settings: Settings
    token: str

    @property
    def engines(self) -> Engines:
        """Addresses of its engines."""
        return Engines(self.settings)


@contextlib.contextmanager
def running_product(*, example: bool = False) -> Iterator[Product]:
    """Start it, with or without the Bình Dương example, make a token, stop it."""
    with tempfile.TemporaryDirectory(prefix="province-bench-", dir="/tmp") as folder:
        os.chmod(folder, 0o711)
        settings = Settings(home=Path(folder) / "home", port=free_port(), mqtt_port=free_port())
        environment = {
            **os.environ,
            "PROVINCE_HOME": str(settings.home),
            "PROVINCE_PORT": str(settings.port),
            "PROVINCE_MQTT_PORT": str(settings.mqtt_port),
            "PROVINCE_CALLS_PER_SECOND": "1000000",
        }
        command = [sys.executable, "-m", "province", "run", "--no-simulate", "--example" if example else "--no-example"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as child:
            try:
                _wait(child)
                yield Product(settings, asyncio.run(_token(settings)))
            finally:
                child.send_signal(signal.SIGINT)
                child.wait(60)


def _wait(child: subprocess.Popen[str]) -> None:
    assert child.stdout is not None
    deadline = time.monotonic() + 60
    for line in child.stdout:
        if "is ready" in line:
            return
        if time.monotonic() > deadline:
            break
    raise TimeoutError("the product did not become ready")


async def _token(settings: Settings) -> str:
    """A token of a service account with all rights, made as the product itself would."""
    from province.broker.database import connect
    from province.identity import accounts, roles, tokens
    from province.identity.passwords import Passwords
    from province.model.actor import system

    pool = await connect(Engines(settings).database_dsn(), size=2)
    hasher = Passwords()
    try:
        async with pool.acquire() as connection:
            actor = system(settings.tenant, "bench")
            account = await accounts.create(connection, actor, hasher, login="bench", name="Benchmark", kind="service")
            await roles.grant(connection, actor, account.id, "administrator")
            return await tokens.create(connection, actor, account.id, name="bench")
    finally:
        hasher.close()
        await pool.close()


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        "unknown",
    )
    return {"cores": os.cpu_count(), "cpu": model, "load_1min": os.getloadavg()[0]}


def write(name: str, rows: list[dict[str, object]]) -> None:
    """Print a table and keep the JSON in bench/results."""
    folder = Path(__file__).parent / "results"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1) + "\n")
    for row in rows:
        print(
            "  ".join(
                f"{key}={value:,.0f}" if isinstance(value, float) and value > 20 else f"{key}={value}"
                for key, value in row.items()
            )
        )
