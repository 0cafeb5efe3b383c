"""A bucket of an S3 store: small objects put, read and listed. The same variables name the store as for the lake.

AWS_ENDPOINT_URL (empty: Amazon's own), AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN.
Requests are signed by Signature Version 4. A checksum goes with every object: a bucket with Object Lock takes none
without.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree as Xml

import httpx

from province.errors import ConfigurationError, NotFound, Unavailable
from province.model.time import now

SCHEME: Final = "s3://"
_TIMEOUT_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class _Access:
    endpoint: str
    region: str
    key: str
    secret: str
    session: str


class Bucket:
    """One bucket, below one prefix. Every call blocks: call it in a thread."""

    def __init__(self, url: str, environ: Mapping[str, str] | None = None) -> None:
        """url: `s3://bucket/prefix`. Raises: ConfigurationError when the store or its credentials are not named."""
        parts = urlsplit(url)
        if parts.scheme != "s3" or not parts.netloc:
            raise ConfigurationError(f"{url[:100]!r} names no bucket.", remedy="Write s3://bucket/prefix.")
        self.url = url.rstrip("/")
        self._name, self._prefix = parts.netloc, parts.path.strip("/")
        self._access = _access(os.environ if environ is None else environ)
        own = self._access.endpoint
        # A store of one's own is addressed by path; Amazon wants the bucket in the name of the host.
        self._host = own or f"https://{self._name}.s3.{self._access.region}.amazonaws.com"
        self._root = f"/{quote(self._name)}" if own else ""
        self._client = httpx.Client(timeout=_TIMEOUT_S, trust_env=False)

    def put(self, name: str, content: bytes) -> None:
        """Write an object; durable on return. Raises: Unavailable, ConfigurationError when it is refused."""
        digest = base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
        self._ask("PUT", self._path(name), content=content, headers={"content-md5": digest})

    def get(self, name: str) -> bytes:
        """Read an object. Raises: NotFound, Unavailable."""
        return self._ask("GET", self._path(name)).content

    def names(self, folder: str = "") -> Iterator[str]:
        """Names of the objects below a folder, sorted. Raises: Unavailable."""
        for page in self._pages(folder, ""):
            for key in _all(page, "Key"):
                yield self._named(key)

    def folders(self, folder: str = "") -> Iterator[str]:
        """Names of the folders right below a folder, sorted. Raises: Unavailable."""
        for page in self._pages(folder, "/"):
            for common in (e for e in page.iter() if _local(e) == "CommonPrefixes"):
                yield from (self._named(prefix).rstrip("/") for prefix in _all(common, "Prefix"))

    def _pages(self, folder: str, delimiter: str) -> Iterator[Xml.Element]:
        prefix = "/".join(p for p in (self._prefix, folder.strip("/")) if p)
        query = {"list-type": "2", "prefix": f"{prefix}/" if prefix else ""}
        if delimiter:
            query["delimiter"] = delimiter
        while True:
            page = Xml.fromstring(self._ask("GET", self._root or "/", query=query).content)  # noqa: S314 - our own store
            yield page
            token = _all(page, "NextContinuationToken")
            if not token:
                return
            query["continuation-token"] = token[0]

    def _path(self, name: str) -> str:
        return f"{self._root}/{quote('/'.join(p for p in (self._prefix, name) if p))}"

    def _named(self, key: str) -> str:
        return key.removeprefix(f"{self._prefix}/") if self._prefix else key

    def _ask(
        self, method: str, path: str, *, query: Mapping[str, str] | None = None, content: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:  # fmt: skip
        arguments = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in sorted((query or {}).items()))
        signed = _sign(self._access, method, self._host, path, arguments, content, headers or {})
        address = f"{self._host}{path}" + (f"?{arguments}" if arguments else "")
        try:
            answer = self._client.request(method, address, content=content or None, headers=signed)
        except httpx.HTTPError as error:
            raise Unavailable(f"{self.url} does not answer: {error!r}.", remedy="Is the object store up?") from None
        if answer.status_code == 404 and b"NoSuchKey" in answer.content:
            raise NotFound(f"there is no object {path}.", field="name")
        if answer.status_code >= 500:
            raise Unavailable(f"{self.url} answers {answer.status_code}.", remedy="Is the object store up?")
        if answer.status_code >= 300:
            raise ConfigurationError(
                f"{self.url} refuses {method}: {answer.status_code} {_reason(answer.content)}.",
                remedy="Check AWS_REGION, the credentials, and that they may put, get and list there.",
            )
        return answer


def _access(environ: Mapping[str, str]) -> _Access:
    key, secret = environ.get("AWS_ACCESS_KEY_ID", ""), environ.get("AWS_SECRET_ACCESS_KEY", "")
    if not key or not secret:
        raise ConfigurationError(
            "no credentials for the object store.", field="AWS_ACCESS_KEY_ID",
            remedy="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_ENDPOINT_URL for a store of your own.",
        )  # fmt: skip
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    endpoint = environ.get("AWS_ENDPOINT_URL", "").rstrip("/")
    return _Access(endpoint, region, key, secret, environ.get("AWS_SESSION_TOKEN", ""))


def _sign(
    access: _Access, method: str, host: str, path: str, query: str, content: bytes, headers: Mapping[str, str],
    at: datetime | None = None,
) -> dict[str, str]:  # fmt: skip
    """The headers of a request with its signature (AWS Signature Version 4). path, query: encoded as they are sent."""
    moment = (at or now()).strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(content).hexdigest()
    given = {
        **{k.lower(): v for k, v in headers.items()},
        "host": urlsplit(host).netloc, "x-amz-content-sha256": digest, "x-amz-date": moment,
    }  # fmt: skip
    if access.session:
        given["x-amz-security-token"] = access.session
    names = ";".join(sorted(given))
    lines = "".join(f"{k}:{given[k].strip()}\n" for k in sorted(given))
    request = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{digest}"
    scope = f"{moment[:8]}/{access.region}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = f"AWS4{access.secret}".encode()
    for part in (moment[:8], access.region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    given["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={access.key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return given


def _all(element: Xml.Element, name: str) -> list[str]:
    """The texts of the elements of a name; stores differ in the namespace that they write."""
    return [e.text for e in element.iter() if _local(e) == name and e.text]


def _local(element: Xml.Element) -> str:
    return element.tag.rpartition("}")[2]


def _reason(content: bytes) -> str:
    try:
        found = Xml.fromstring(content)  # noqa: S314 - our own store
    except Xml.ParseError:
        return ""
    return (found.findtext("Code") or "")[:100]
