"""The embedded cluster: made once, private, and back with all its data after any crash."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from province.engines.postgres import Postgres
from province.errors import ConfigurationError
from province.settings import Settings
from tests.conftest import running, temporary_home


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """A home with a new cluster, never started."""
    with temporary_home() as home:
        Postgres(Settings(home=home)).prepare()
        yield home


@pytest.fixture
def postgres(made: Path) -> Iterator[Postgres]:
    with temporary_home() as home:
        subprocess.run(["cp", "-a", str(made), str(home)], check=True)
        server = Postgres(Settings(home=home))
        server.prepare()
        yield server


def log_of(server: Postgres) -> Path:
    return server.data.parent.parent / "postgres.log"


def test_secrets_are_private_and_in_no_log_or_configuration(postgres: Postgres) -> None:
    home = log_of(postgres).parent
    secret = home / "secrets" / "postgres"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert secret.parent.stat().st_mode & 0o777 == 0o700
    with running(postgres.command(), log_of(postgres)) as process:
        assert "password" not in Path(f"/proc/{process.pid}/cmdline").read_text()
        with psycopg.connect(postgres.dsn()) as connection, pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT 'someone''s secret' FROM nowhere")
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(postgres.dsn().replace(secret.read_text().strip(), "wrong"))
        if os.geteuid() == 0:
            assert process.pid
            assert Path(f"/proc/{process.pid}").stat().st_uid != 0, "it must not run as root"
    written = log_of(postgres).read_text() + (postgres.data / "province.conf").read_text()
    assert secret.read_text().strip() not in written
    assert "someone" not in log_of(postgres).read_text()
    assert list(postgres.data.parent.glob("*.new")) == []


@pytest.mark.fault
def test_committed_rows_survive_a_kill_of_every_process(postgres: Postgres) -> None:
    with running(postgres.command(), log_of(postgres)) as process:
        with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
            connection.execute("CREATE TABLE t AS SELECT 1 AS x")
            process.send_signal(signal.SIGKILL)
            process.wait()
        postgres.prepare()
    with running(postgres.command(), log_of(postgres)), psycopg.connect(postgres.dsn()) as connection:
        assert connection.execute("SELECT x FROM t").fetchall() == [(1,)]


@pytest.mark.fault
def test_a_process_id_that_was_used_again_does_not_block_a_start(postgres: Postgres) -> None:
    with running(postgres.command(), log_of(postgres)) as process:
        lines = (postgres.data / "postmaster.pid").read_text().splitlines()
        process.send_signal(signal.SIGKILL)
        process.wait()
    user = postgres.command().user or (None, None)
    # A process of the same user: without our help PostgreSQL takes it for its own server and refuses to start.
    with subprocess.Popen(["/bin/sleep", "60"], user=user[0], group=user[1]) as sleeper:
        (postgres.data / "postmaster.pid").write_text("\n".join([str(sleeper.pid), *lines[1:]]) + "\n")
        postgres.prepare()
        with running(postgres.command(), log_of(postgres)), psycopg.connect(postgres.dsn()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        assert sleeper.poll() is None, "the stranger must be left alone"
        sleeper.kill()


@pytest.mark.fault
def test_a_living_orphan_on_the_same_data_is_stopped(postgres: Postgres) -> None:
    with running(postgres.command(), log_of(postgres)) as orphan:
        with psycopg.connect(postgres.dsn(), autocommit=True) as connection:
            connection.execute("CREATE TABLE t AS SELECT 1 AS x")
        postgres.prepare()
        assert orphan.wait(5) is not None
    with running(postgres.command(), log_of(postgres)), psycopg.connect(postgres.dsn()) as connection:
        assert connection.execute("SELECT x FROM t").fetchall() == [(1,)]


@pytest.mark.fault
def test_a_lost_password_is_made_anew(postgres: Postgres) -> None:
    old = postgres.dsn()
    (log_of(postgres).parent / "secrets" / "postgres").unlink()
    postgres.prepare()
    assert postgres.dsn() != old
    with running(postgres.command(), log_of(postgres)), psycopg.connect(postgres.dsn()) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_cluster_of_another_version_is_refused(postgres: Postgres) -> None:
    (postgres.data / "PG_VERSION").write_text("17\n")
    with pytest.raises(ConfigurationError, match="PostgreSQL 17"):
        postgres.prepare()


@pytest.mark.fault
def test_a_half_made_cluster_is_made_again(postgres: Postgres) -> None:
    half = postgres.data.with_name("data.new")
    postgres.data.rename(half)
    (half / "PG_VERSION").unlink()
    postgres.prepare()
    assert (postgres.data / "PG_VERSION").read_text() == "18\n"


def test_a_wrong_setting_is_named() -> None:
    with temporary_home() as home, pytest.raises(ConfigurationError, match="PROVINCE_SYNCHRONOUS_COMMIT"):
        Postgres(replace(Settings(home=home), synchronous_commit="maybe")).prepare()


@pytest.mark.fault
def test_a_home_with_a_long_path_gets_a_short_socket() -> None:
    with temporary_home() as home:
        server = Postgres(Settings(home=home.with_name("x" * 120)))
        server.prepare()
        with running(server.command(), home.parent / "postgres.log"), psycopg.connect(server.dsn()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.fault
def test_a_base_backup_can_be_taken(postgres: Postgres, tmp_path: Path) -> None:
    target = tmp_path / "copy"
    with running(postgres.command(), log_of(postgres)):
        words = [str(postgres.binary("pg_basebackup")), "-d", postgres.dsn(), "-D", str(target), "-X", "stream"]
        done = subprocess.run([*words, "--checkpoint=fast"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (target / "PG_VERSION").read_text() == "18\n"
