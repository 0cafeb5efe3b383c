from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from province.errors import ConfigurationError, InvalidInput
from province.identity import csrf
from province.identity.keys import KeyRing
from province.model.actor import Actor


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return KeyRing.create(tmp_path_factory.mktemp("keys") / "master-key")


def test_the_key_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "master-key"
    KeyRing.create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert len(path.read_bytes()) == 32


def test_an_open_key_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "master-key"
    path.write_bytes(os.urandom(32))
    path.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        KeyRing(path)


@pytest.mark.parametrize("size", [0, 16, 33])
def test_a_damaged_key_file_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "master-key"
    path.write_bytes(bytes(size))
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match="multiple of 32"):
        KeyRing(path)


@given(plain=st.binary(max_size=300), purpose=st.text(max_size=30))
def test_what_is_sealed_opens_again(ring: KeyRing, plain: bytes, purpose: str) -> None:
    sealed = ring.encrypt(purpose, plain)
    assert ring.decrypt(purpose, sealed) == plain
    assert len(plain) < 8 or plain not in sealed
    assert ring.encrypt(purpose, plain) != sealed


@given(position=st.integers(9, 200), bit=st.integers(0, 7))
def test_any_flipped_bit_is_found(ring: KeyRing, position: int, bit: int) -> None:
    sealed = bytearray(ring.encrypt("p", b"x" * 200))
    sealed[position] ^= 1 << bit
    with pytest.raises(InvalidInput, match="altered"):
        ring.decrypt("p", bytes(sealed))


def test_a_secret_opens_only_under_its_purpose(ring: KeyRing) -> None:
    with pytest.raises(InvalidInput):
        ring.decrypt("tenant-b/smtp", ring.encrypt("tenant-a/smtp", b"secret"))


@pytest.mark.parametrize("junk", [b"", b"\x01", b"\x02" * 200])
def test_other_bytes_are_no_secret(ring: KeyRing, junk: bytes) -> None:
    with pytest.raises(InvalidInput):
        ring.decrypt("p", junk)


def test_two_processes_follow_one_file(tmp_path: Path) -> None:
    first = KeyRing.create(tmp_path / "master-key")
    second = KeyRing(tmp_path / "master-key")
    old = first.encrypt("p", b"before")
    second.add()
    new = first.encrypt("p", b"after")
    assert first.current == second.current
    assert second.decrypt("p", new) == b"after"
    assert second.decrypt("p", old) == b"before"
    assert second.retire() == (old[1:9].decode(),)
    with pytest.raises(ConfigurationError, match="lacks"):
        first.decrypt("p", old)
    assert first.decrypt("p", new) == b"after"


def test_signatures(ring: KeyRing) -> None:
    signature = ring.sign("link", b"/files/1")
    assert ring.verify("link", b"/files/1", signature)
    assert not ring.verify("link", b"/files/2", signature)
    assert not ring.verify("csrf", b"/files/1", signature)
    for junk in ("", ".", signature[:-1], "é" + signature, signature + "\u20ac"):
        assert not ring.verify("link", b"/files/1", junk)


def test_a_form_of_another_session_is_refused(ring: KeyRing) -> None:
    mine = Actor(tenant="t", id="a", kind="person", session="aa")
    other = Actor(tenant="t", id="a", kind="person", session="bb")
    csrf.check_csrf(ring, mine, csrf.csrf_token(ring, mine))
    for given_token in (csrf.csrf_token(ring, other), "", None):
        with pytest.raises(Exception, match="not from this session"):
            csrf.check_csrf(ring, mine, given_token)


def test_token_callers_need_no_form_token(ring: KeyRing) -> None:
    csrf.check_csrf(ring, Actor(tenant="t", id="a", kind="service"), None)
