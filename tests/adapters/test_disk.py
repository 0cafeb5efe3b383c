"""Free space: writers refuse before the disk is full, and go on by themselves when there is room again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from province.adapters.disk import DiskWatch
from province.errors import ConfigurationError, Unavailable

MIB = 1024**2


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 16 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"a file system cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_states_follow_the_real_disk(small_disk: Path) -> None:
    watch = DiskWatch([small_disk / "home" / "lake"], low_bytes=8 * MIB, critical_bytes=4 * MIB, hold_s=0)
    watch.require_space()
    assert await watch.check() == ""
    assert watch.worst.total_bytes == 16 * MIB

    filler = small_disk / "filler"
    filler.write_bytes(bytes(9 * MIB))
    assert watch.worst.state == "low"
    watch.require_space()
    assert "MiB free" in await watch.check()

    with pytest.raises(OSError, match="No space left"):
        (small_disk / "more").write_bytes(bytes(16 * MIB))
    assert watch.worst.free_bytes == 0
    with pytest.raises(Unavailable, match="almost full") as refused:
        watch.require_space()
    assert "writing resumes by itself" in refused.value.remedy
    with pytest.raises(Unavailable):
        await watch.check()

    (small_disk / "more").unlink()
    filler.write_bytes(bytes(12 * MIB - 100_000))
    assert watch.worst.state == "critical", "just above the border is not enough to resume"
    filler.write_bytes(bytes(11 * MIB))
    watch.require_space()


def test_too_few_file_names_are_critical_too(tmp_path: Path) -> None:
    folder = tmp_path / "disk"
    folder.mkdir()
    options = "size=16m,nr_inodes=400"
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip("a file system cannot be mounted here")
    try:
        watch = DiskWatch([folder], low_bytes=0, critical_bytes=0, hold_s=0)
        watch.require_space()
        for number in range(398):
            (folder / str(number)).touch()
        with pytest.raises(Unavailable):
            watch.require_space()
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_the_disk_is_not_asked_for_every_write(tmp_path: Path) -> None:
    at = [0.0]
    watch = DiskWatch([tmp_path], low_bytes=0, critical_bytes=0, hold_s=1.0, clock=lambda: at[0])
    first = watch.spaces()
    at[0] = 0.9
    assert watch.spaces() is first
    at[0] = 1.0
    assert watch.spaces() is not first


def test_impossible_borders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        DiskWatch([tmp_path], low_bytes=1, critical_bytes=2)
    with pytest.raises(ConfigurationError):
        DiskWatch([])
