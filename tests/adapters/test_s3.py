"""Heads of the audit and the ledger of erasures in a bucket with Object Lock, on a real S3 endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from province.adapters import s3
from province.adapters.heads import HeadBucket, HeadFolder, open_heads
from province.adapters.ledger import BucketLedger, ErasureLedger, open_ledger
from province.adapters.s3 import Bucket
from province.broker.erasure import Effect, Erasure
from province.errors import ConfigurationError, NotFound, Unavailable
from province.identity.blocks import Block, Head, Key, sign
from tests.storage import object_store

NOW = datetime(2026, 11, 26, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def store() -> Iterator[dict[str, str]]:
    with object_store({"locked": 3}) as environment:
        yield environment


@pytest.fixture
def bucket(store: dict[str, str], request: pytest.FixtureRequest) -> Bucket:
    return Bucket(f"s3://locked/tỉnh 1/{request.node.name}", store)


def head(number: int, at: datetime = NOW, chain: str = "c1") -> Head:
    key = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    block = Block(chain=chain, number=number, previous="", root="", rows=0, seqs=[(1, 1)], at=at, key="k")
    return sign(block, key)


def test_objects_are_put_read_and_listed(bucket: Bucket) -> None:
    assert list(bucket.names()) == []
    for name in ("a/1.json", "a/2 với dấu+&=.json", "b/c/3.json", "d"):
        bucket.put(name, name.encode())
    assert list(bucket.names()) == ["a/1.json", "a/2 với dấu+&=.json", "b/c/3.json", "d"]
    assert list(bucket.names("a")) == ["a/1.json", "a/2 với dấu+&=.json"]
    assert list(bucket.folders()) == ["a", "b"]
    assert bucket.get("a/2 với dấu+&=.json") == "a/2 với dấu+&=.json".encode()
    with pytest.raises(NotFound):
        bucket.get("a/9.json")


def test_more_names_than_fit_on_a_page(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [f"n/{n:03d}" for n in range(7)]
    for name in wanted:
        bucket.put(name, b"x")
    asked = bucket._ask

    def small(method: str, path: str, **more: Any) -> httpx.Response:
        more["query"] = {**more.get("query", {}), "max-keys": "3"} if more.get("query") else None
        return asked(method, path, **more)

    monkeypatch.setattr(bucket, "_ask", small)
    assert list(bucket.names("n")) == wanted


def test_what_is_locked_cannot_be_removed_for_good(bucket: Bucket, store: dict[str, str]) -> None:
    bucket.put("heads/x.json", b"1")
    with httpx.Client(base_url=store["AWS_ENDPOINT_URL"], trust_env=False) as client:
        versions = client.get("/locked", params={"versions": "", "prefix": bucket._prefix}).text
        version = versions.partition("<VersionId>")[2].partition("<")[0]
        answer = client.delete(bucket._path("heads/x.json"), params={"versionId": version})
        assert answer.status_code == 403, answer.text
    assert bucket.get("heads/x.json") == b"1"


def test_heads_in_a_bucket_are_those_of_a_folder(bucket: Bucket, tmp_path: Any) -> None:
    kept, folder = HeadBucket(bucket), HeadFolder(tmp_path)
    assert kept.last("c1") == 0
    assert kept.heads() == []
    told = [head(n, NOW + timedelta(hours=9 * n)) for n in range(1, 8)] + [head(1, NOW + timedelta(hours=70), "c2")]
    for one in told:
        for place in (kept, folder):
            place.append(one)
    for reader in (kept, HeadBucket(bucket)):
        assert reader.heads() == folder.heads()
        assert (reader.last("c1"), reader.last("c2"), reader.last("c3")) == (7, 1, 0)
    assert list(bucket.names("days")) == ["days/2026-11-26.jsonl", "days/2026-11-27.jsonl", "days/2026-11-28.jsonl"]


def test_a_day_that_nobody_gathered_is_read_one_by_one(bucket: Bucket) -> None:
    HeadBucket(bucket).append(head(1))
    HeadBucket(bucket).append(head(2))
    bucket.put("heads/2026-11-26/c1-000000000003.json", b'{"chain": "c1", "num')
    assert [h.number for h in HeadBucket(bucket).heads()] == [1, 2]


def test_public_keys_are_written_once(bucket: Bucket) -> None:
    first = Key(id="k1", public="p", since=NOW, by="", endorsement="")
    second = Key(id="k2", public="p", since=NOW + timedelta(days=1), by="k1", endorsement="e")
    HeadBucket(bucket).publish([first])
    HeadBucket(bucket).publish([Key(id="k1", public="other", since=NOW, by="", endorsement=""), second])
    assert HeadBucket(bucket).public_keys() == [first, second]


def test_the_ledger_of_erasures(bucket: Bucket) -> None:
    one = Erasure(
        tenant="t", id="e1", subject="urn:x", ground="request", reference="", parts=(), files=(), decided_by="root",
        decided_at=NOW, state="decided", effect=Effect(),
    )  # fmt: skip
    ledger = BucketLedger(bucket)
    ledger.append(one)
    ledger.append(one)
    assert BucketLedger(bucket).read() == [one]


def test_one_setting_says_where_they_stand(
    store: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    for name, value in store.items():
        monkeypatch.setenv(name, value)
    assert isinstance(open_heads("s3://locked/heads"), HeadBucket)
    assert isinstance(open_ledger("s3://locked/heads"), BucketLedger)
    assert isinstance(open_heads(str(tmp_path)), HeadFolder)
    assert isinstance(open_ledger(str(tmp_path)), ErasureLedger)
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(ConfigurationError, match="credentials"):
        open_heads("s3://locked/heads")
    with pytest.raises(ConfigurationError):
        Bucket("s3:///x", store)


def test_a_store_that_is_away_or_refuses_is_told(store: dict[str, str]) -> None:
    with pytest.raises(Unavailable):
        Bucket("s3://locked", {**store, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}).put("x", b"")
    with pytest.raises(ConfigurationError, match="NoSuchBucket"):
        Bucket("s3://absent", store).put("x", b"")


@pytest.mark.parametrize("session", ["", "token/1"])
def test_a_signature_is_that_of_another_implementation(session: str) -> None:
    access = s3._Access("", "ap-southeast-1", "key", "secret", session)
    path, query = "/b%E1%BA%A3n/heads/1.json", "continuation-token=a%2Fb%3D%3D&list-type=2&prefix=x%20y%2F"
    ours = s3._sign(
        access, "PUT", "https://bucket.example", path, query, b"{}", {"content-md5": "mZFLkyvTelC5g8XnyQrpOw=="}, NOW
    )
    request = AWSRequest(
        method="PUT", url=f"https://bucket.example{path}?{query}", data=b"{}",
        headers={"content-md5": "mZFLkyvTelC5g8XnyQrpOw=="},
    )  # fmt: skip
    request.context = {"timestamp": ours["x-amz-date"], "payload_signing_enabled": True}
    signer = S3SigV4Auth(Credentials("key", "secret", session or None), "s3", "ap-southeast-1")
    request.headers["X-Amz-Date"] = ours["x-amz-date"]
    request.headers["X-Amz-Content-SHA256"] = ours["x-amz-content-sha256"]
    if session:
        request.headers["X-Amz-Security-Token"] = session
    canonical = signer.canonical_request(request)
    assert ours["authorization"].endswith(signer.signature(signer.string_to_sign(request, canonical), request))
