"""HTTP client of our own server, for the command line."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

import httpx

from province.errors import NotAllowed, NotFound, NotSignedIn, ProvinceError, Unavailable

_BLOCK: Final = 256 * 1024
_LONG_S: Final = 600.0
"""A large file may take the server so long."""
_BY_STATUS: Mapping[int, type[ProvinceError]] = {401: NotSignedIn, 403: NotAllowed, 404: NotFound, 503: Unavailable}


class Client:
    """Calls with a bearer token. Problems come back as errors that carry the server's words."""

    def __init__(self, url: str, token: str, *, tenant: str, verify: ssl.SSLContext | bool = True) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers["NGSILD-Tenant"] = tenant
        # trust_env off: the server is ours; a proxy in the environment is meant for the world outside.
        self._http = httpx.Client(base_url=url, headers=headers, timeout=60, trust_env=False, verify=verify)
        self._has_token = bool(token)

    def close(self) -> None:
        """Hang up."""
        self._http.close()

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        """GET, decoded."""
        return self._call("GET", path, params=params)

    def post(self, path: str, body: Any) -> Any:
        """POST JSON, decoded."""
        return self._call("POST", path, json=body)

    def send(self, path: str, content: bytes, media_type: str, key: str | None) -> Any:
        """POST bytes, decoded."""
        headers = {"Content-Type": media_type} | ({"Idempotency-Key": key} if key else {})
        return self._call("POST", path, content=content, headers=headers)

    def put(self, path: str, body: Any) -> Any:
        """PUT JSON, decoded."""
        return self._call("PUT", path, json=body)

    def upload(self, path: str, file: Path, params: Mapping[str, str]) -> Any:
        """POST a file as it is read, decoded."""
        given = {k: v for k, v in params.items() if v}
        headers = {"Content-Type": "application/octet-stream"}
        with file.open("rb") as content:
            return self._call("POST", path, params=given, content=iter(lambda: content.read(_BLOCK), b""),
                              headers=headers, timeout=_LONG_S)  # fmt: skip

    def fetch_file(self, path: str, params: Mapping[str, str] | None = None) -> tuple[bytes, str]:
        """GET a file: its content, and the name that the server gives it."""
        answer = self._answer("GET", path, params=params, timeout=_LONG_S)
        found = re.search(r"filename\*=UTF-8''([^;]+)", answer.headers.get("content-disposition", ""))
        return answer.content, unquote(found[1]) if found else "download"

    def download(self, path: str, params: Mapping[str, str]) -> bytes:
        """GET, as it comes."""
        return self._answer("GET", path, params=params).content

    def _call(self, method: str, path: str, **options: Any) -> Any:
        answer = self._answer(method, path, **options)
        return answer.json() if answer.content else {}

    def _answer(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, path, **options)
        except httpx.TransportError as error:
            raise Unavailable(
                f"the server at {self._http.base_url} does not answer ({type(error).__name__}).",
                remedy="Start it with `province run`, or set PROVINCE_URL.",
            ) from None
        if answer.is_success:
            return answer
        try:
            problem = answer.json()
        except ValueError:
            problem = {"detail": answer.text[:200] or answer.reason_phrase}
        remedy = problem.get("remedy", "")
        if answer.status_code == 401 and not self._has_token:
            remedy = "Set PROVINCE_TOKEN to an access token (console: Administration, Tokens)."
        kind = _BY_STATUS.get(answer.status_code, ProvinceError)
        raise kind(problem.get("detail") or problem.get("title", "refused"), field=problem.get("field"), remedy=remedy)
