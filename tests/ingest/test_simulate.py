"""The simulator against a real MQTT server: what a consumer behind it sees."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import nats
import numpy as np
import pytest

from province.compute.rhythm import Rhythm, step
from province.errors import InvalidInput
from province.ingest.conduct import Conduct
from province.ingest.simulate import Simulated, Storms, Tally, message, simulate
from province.model.time import parse_instant
from tests.ports import free_port

WAVE = Rhythm(mean=20, swing=5, peak_h=14, noise=1, low=0, high=40, decimals=1)


class Server:
    """A NATS server with an MQTT listener that lets the users `d0`…`d19` in."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port, self.mqtt = folder, free_port(), free_port()
        users = "".join(f'{{user: "d{n}", password: "p{n}"}}\n' for n in range(20))
        (folder / "nats.conf").write_text(
            f'listen: "127.0.0.1:{self.port}"\nserver_name: simulated\njetstream {{store_dir: "{folder}/js"}}\n'
            f'mqtt {{listen: "127.0.0.1:{self.mqtt}"}}\n'
            f'authorization {{users: [\n{{user: "service", password: "s"}}\n{users}]}}\n'
        )
        self.child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = [str(Path(sys.executable).with_name("nats-server")), "-c", str(self.folder / "nats.conf")]
        log = self.folder / "nats.log"
        with log.open("ab") as output:
            self.child = subprocess.Popen(command, stdout=output, stderr=output)
        deadline = time.monotonic() + 60
        for port in (self.port, self.mqtt):
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                assert self.child.poll() is None, log.read_text()[-2000:]
                assert time.monotonic() < deadline, log.read_text()[-2000:]
                time.sleep(0.02)

    def stop(self) -> None:
        if self.child is not None:
            self.child.kill()
            self.child.wait()
            self.child = None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def device(n: int, **values: object) -> Simulated:
    entity = f"urn:ngsi-ld:AirQualityObserved:AQ-{n}"
    given = {"login": f"d{n}", "secret": f"p{n}", "entity": entity, "rhythms": {"pm25": WAVE}, "period_s": 0.2}
    return Simulated(**{**given, **values})  # type: ignore[arg-type]


async def until(true: Callable[[], bool], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.02)


async def test_readings_arrive_on_the_topic_of_their_entity_and_say_that_they_are_simulated(server: Server) -> None:
    connection = await nats.connect(f"nats://service:s@127.0.0.1:{server.port}")
    seen: list[tuple[str, dict[str, object]]] = []

    async def keep(arrived: object) -> None:
        seen.append((arrived.subject, msgspec.json.decode(arrived.data)))  # type: ignore[attr-defined]

    await connection.subscribe("devices.>", cb=keep)
    await connection.flush()
    stop, tally = asyncio.Event(), Tally()
    devices = [device(n) for n in range(19)] + [device(19, silent_after=2)]
    task = asyncio.create_task(simulate(devices, host="127.0.0.1", port=server.mqtt, stop=stop, tally=tally))
    await until(lambda: (tally.acknowledged > 150 and len({subject for subject, _ in seen}) == 20) or task.done())
    stop.set()
    await task
    await until(lambda: len(seen) >= tally.acknowledged)
    await connection.close()

    subjects = [subject for subject, _ in seen]
    assert set(subjects) == {f"devices.urn:ngsi-ld:AirQualityObserved:AQ-{n}.data" for n in range(20)}
    assert subjects.count("devices.urn:ngsi-ld:AirQualityObserved:AQ-19.data") <= 2
    assert tally.refused == 0
    for _, body in seen:
        assert body["origin"] == "simulated"
        assert 0 <= float(str(body["pm25"])) <= 40
        parse_instant(body["observedAt"])


async def test_devices_come_back_after_the_server_was_killed(server: Server) -> None:
    stop, tally = asyncio.Event(), Tally()
    task = asyncio.create_task(
        simulate([device(n) for n in range(5)], host="127.0.0.1", port=server.mqtt, stop=stop, tally=tally)
    )
    await until(lambda: tally.connected == 5)
    server.stop()
    await until(lambda: tally.connected == 0 and tally.unsent > 0)
    server.start()
    await until(lambda: tally.connected == 5)
    before = tally.acknowledged
    await until(lambda: tally.acknowledged > before)
    stop.set()
    await task


async def test_a_device_with_a_memory_sends_late_what_it_kept_the_oldest_first(server: Server) -> None:
    stop, tally = asyncio.Event(), Tally()
    devices = [device(0, conduct=Conduct(memory=50, gap_share=0.0)), device(1, conduct=Conduct(gap_share=0.0))]
    task = asyncio.create_task(simulate(devices, host="127.0.0.1", port=server.mqtt, stop=stop, tally=tally))
    await until(lambda: tally.connected == 2)
    server.stop()
    await until(lambda: tally.unsent >= 3)
    before = tally.unsent
    server.start()
    connection = await nats.connect(f"nats://service:s@127.0.0.1:{server.port}")
    seen: list[str] = []

    async def keep(arrived: object) -> None:
        seen.append(msgspec.json.decode(arrived.data)["observedAt"])  # type: ignore[attr-defined]

    await connection.subscribe("devices.urn:ngsi-ld:AirQualityObserved:AQ-0.data", cb=keep)
    await connection.flush()
    await until(lambda: tally.connected == 2 and tally.late >= 3 and len(seen) > tally.late)
    stop.set()
    await task
    await connection.close()
    assert seen == sorted(seen), "true times, the oldest first"
    assert tally.unsent >= before, "the other device has no memory"


@pytest.mark.slow
async def test_a_storm_cuts_a_whole_group_and_all_of_it_comes_back(server: Server) -> None:
    stop, tally = asyncio.Event(), Tally()
    devices = [device(n, group="gw-1" if n < 10 else "", period_s=5.0) for n in range(15)]
    task = asyncio.create_task(
        simulate(
            devices, host="127.0.0.1", port=server.mqtt, stop=stop, tally=tally, storms=Storms(every_s=2.0, seed=1)
        )
    )
    await until(lambda: tally.connected == 15)
    await until(lambda: tally.dropped >= 10)
    await until(lambda: tally.connected == 15)
    stop.set()
    await task
    assert tally.dropped % 10 == 0
    assert tally.refused == 0


async def test_wrong_credentials_are_counted_and_tried_again_less_and_less(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("province.ingest.simulate._RETRY_S", (0.1, 600.0))
    stop, tally = asyncio.Event(), Tally()
    devices = [device(0), device(1, secret="wrong")]
    task = asyncio.create_task(simulate(devices, host="127.0.0.1", port=server.mqtt, stop=stop, tally=tally))
    await until(lambda: tally.refused >= 2 and tally.acknowledged >= 1)
    await asyncio.sleep(0.5)
    assert tally.refused == 2
    stop.set()
    await task


async def test_impossible_speed_and_shared_logins_are_refused() -> None:
    for devices, speed in (([device(0)], 0.0), ([device(0, period_s=-1)], 1.0), ([device(0), device(0)], 1.0)):
        with pytest.raises(InvalidInput):
            await simulate(devices, host="127.0.0.1", port=1, stop=asyncio.Event(), speed=speed)


def test_signal_follows_the_day_of_vietnam_and_stays_inside_its_limits() -> None:
    random, noise = np.random.default_rng(1), dict[str, float]()
    wave = Rhythm(mean=20, swing=5, peak_h=14, noise=0, low=16, high=24)
    at_two_pm = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)  # 14:00 in Vietnam
    at_two_am = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)
    high = msgspec.json.decode(message(device(0, rhythms={"x": wave}), at_two_pm, noise, random))
    low = msgspec.json.decode(message(device(0, rhythms={"x": wave}), at_two_am, noise, random))
    assert (high["x"], low["x"]) == (24, 16)
    assert high["observedAt"] == "2026-11-24T07:00:00Z"


def test_noise_has_the_declared_spread_and_remembers() -> None:
    random, state, values = np.random.default_rng(2), 0.0, []
    wave = Rhythm(mean=0, swing=0, peak_h=0, noise=2, low=-100, high=100, memory=0.8, decimals=9)
    for _ in range(20_000):
        value, state = step(wave, 0.0, state, random)
        values.append(value)
    series = np.array(values[100:])
    assert series.std() == pytest.approx(2, rel=0.05)
    assert np.corrcoef(series[:-1], series[1:])[0, 1] == pytest.approx(0.8, abs=0.02)
    with pytest.raises(InvalidInput):
        Rhythm(mean=0, swing=0, peak_h=0, noise=1, low=0, high=1, memory=1.0)
