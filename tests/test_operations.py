"""The operations guide names what the code has: settings, metrics, parts and limits cannot drift apart."""

from __future__ import annotations

import re
from pathlib import Path

from province.adapters import backup_keys, disk, restore
from province.api import health
from province.settings import Settings

GUIDE = (Path(__file__).parents[1] / "docs" / "operations.md").read_text()
SETTINGS = {f"PROVINCE_{name.upper()}" for name in Settings.__dataclass_fields__}
CONVENIENCE = {
    "PROVINCE_TENANT", "PROVINCE_OUTBOUND_ALLOW", "PROVINCE_MAX_BODY_BYTES", "PROVINCE_FILE_QUOTA_BYTES",
    "PROVINCE_EXAMPLE", "PROVINCE_URL", "PROVINCE_TOKEN",
}  # fmt: skip
"""Settings that running and repairing an installation does not need; the settings page explains them."""


def test_settings_of_the_guide_exist_and_none_is_forgotten() -> None:
    named = set(re.findall(r"PROVINCE_[A-Z_]*[A-Z]", GUIDE))
    assert named <= SETTINGS
    assert SETTINGS - named <= CONVENIENCE


def test_every_metric_is_explained_and_no_other() -> None:
    named = set(re.findall(r"^\| `(province_\w+)`", GUIDE, re.MULTILINE))
    assert named == {*health.GAUGES, health.REQUESTS, "province_gauge_failed"}


def test_figures_of_the_guide_are_those_of_the_code() -> None:
    assert f"below {disk.LOW_BYTES // 1024**3} GiB" in GUIDE
    assert f"below {disk.CRITICAL_BYTES // 1024**3} GiB" in GUIDE
    assert f"fewer than {disk.FEWEST_FILES:,} files" in GUIDE
    assert f"each part is given {health.TIMEOUT_S:g} s, answers are kept for {health.HOLD_S:g} s" in GUIDE
    assert f"HOME/{restore.MARKER}" in GUIDE
    assert f"HOME/secrets/{backup_keys.PASSPHRASE}" in GUIDE
