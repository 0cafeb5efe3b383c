"""A peer to measure beside: `django-ogc-sensorthings` (PyPI), as its own guide sets it up, on the same PostgreSQL.

It runs in an environment of its own (`requirements/peer.lock`), with as many workers of uvicorn as there are cores, in
a database of its own on the product's server, with the product's durability. Connections are pooled. It has no sign-in,
history or audit.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
import psycopg
from tests.ports import free_port

from bench.product import Product

ROOT = Path(__file__).parents[1]
NAME = "django-ogc-sensorthings 1.2.0"
THINGS = "/sensorthings/v1.1/Things"
SETTINGS = """
import os
from uuid import UUID

SECRET_KEY = "bench"
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "urls"
USE_TZ = True
INSTALLED_APPS = [
    "django.contrib.contenttypes", "django.contrib.auth",
    "sensorthings.versions.v1_1", "sensorthings.versions.v1_1.backends.django",
]
DATABASES = {"default": {
    "ENGINE": "django.db.backends.postgresql", "NAME": "peer", "USER": os.environ["PEER_USER"],
    "PASSWORD": os.environ["PEER_PASSWORD"], "HOST": os.environ["PEER_HOST"], "PORT": os.environ["PEER_PORT"],
    "OPTIONS": {"pool": {"min_size": 2, "max_size": 10}},
}}
SENSORTHINGS_V1_1_SERVICE_URL = "http://127.0.0.1/sensorthings"
SENSORTHINGS_V1_1_BACKEND_ADAPTER = "sensorthings.versions.v1_1.backends.django.adapter.DjangoBackendAdapter"
SENSORTHINGS_V1_1_ID_TYPE = UUID
SENSORTHINGS_V1_1_ID_DELIMITER = "'"
"""
URLS = """
from django.urls import include, path

urlpatterns = [path("sensorthings/", include("sensorthings.versions.v1_1.urls"))]
"""
ASGI = """
from django.core.asgi import get_asgi_application

application = get_asgi_application()
"""


def body(n: int) -> dict[str, object]:
    """A Thing of about the size of the entity that the product is given."""
    return {
        "name": "Đèn đường số",
        "description": "x" * 200,
        "properties": {"number": n, "height": n % 50, "status": "new", "area": "urn:ngsi-ld:Area:25747:2025-07-01"},
    }


@contextlib.contextmanager
def running_peer(product: Product) -> Iterator[int]:
    """The peer on a free port, which is given."""
    with tempfile.TemporaryDirectory(prefix="province-peer-") as name:
        folder = Path(name)
        python = environment(folder)
        for file, text in (("settings.py", SETTINGS), ("urls.py", URLS), ("asgi.py", ASGI)):
            (folder / file).write_text(text)
        variables = {**os.environ, **_database(product), "DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": name}
        subprocess.run([python, "-m", "django", "migrate", "-v", "0"], env=variables, cwd=folder, check=True)
        port = free_port()
        workers = str(os.cpu_count() or 1)
        command = [python, "-m", "uvicorn", "asgi:application", "--port", str(port), "--workers", workers,
                   "--log-level", "error", "--no-access-log"]  # fmt: skip
        child = subprocess.Popen(command, env=variables, cwd=folder)
        try:
            _wait(child, port)
            yield port
        finally:
            child.terminate()
            child.wait(30)


def environment(folder: Path) -> Path:
    """An environment of the peers in a folder. Returns its interpreter."""
    uv = str(Path(sys.executable).with_name("uv"))
    python = folder / "venv/bin/python"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder / "venv"], check=True)
    lock = ROOT / "requirements/peer.lock"
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", lock], check=True)
    return python


def _database(product: Product) -> dict[str, str]:
    """Make its database; returns how to reach it."""
    dsn = product.engines.database_dsn()
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE peer TEMPLATE template0")
        info = connection.info
        parts = urlsplit(dsn)
        return {
            "PEER_USER": info.user,
            "PEER_PASSWORD": info.password or unquote(parts.password or ""),
            "PEER_HOST": info.host,
            "PEER_PORT": str(info.port),
        }


def _wait(child: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise RuntimeError(f"the peer ended with {child.returncode}")
        try:
            if httpx.get(f"http://127.0.0.1:{port}{THINGS}", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise TimeoutError("the peer does not answer")
