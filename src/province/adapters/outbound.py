"""The one way out over HTTP. An address that users or counterparts name must not reach our own machines.

The host is resolved here, every address is checked, and the connection goes to the checked address itself: a name that
changes its meaning between check and connection (DNS rebinding) gains nothing. Proxy variables are not read.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

import aiohttp
import httpx
import msgspec
from yarl import URL

from province.errors import ConfigurationError, InvalidInput, NotAllowed, TooLarge, Unavailable

_RESOLVERS: Final = ThreadPoolExecutor(32, thread_name_prefix="resolver")
"""Threads of their own: a name server that does not answer holds up nothing else."""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Awaitable[list[str]]]

REDIRECTS: Final = 3
_ADDRESSES: Final = 3
_AT_ONCE: Final = 400
_AT_ONE_HOST: Final = 50
_KEPT_S: Final = 10.0
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_REDIRECT = frozenset((301, 302, 303, 307, 308))
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_NEVER: Final[tuple[Network, ...]] = (
    ipaddress.IPv4Network("192.0.0.0/24"),
    ipaddress.IPv4Network("168.63.129.16/32"),
    ipaddress.IPv6Network("64:ff9b:1::/48"),
)
"""What `ipaddress` takes for public and is not: protocol assignments and two clouds' addresses for their guests'
secrets, and local NAT64. The other such addresses are link-local or private."""
_PRIVATE_HEADERS = frozenset(("authorization", "cookie", "proxy-authorization"))
_OWN_HEADERS = frozenset(("host", "content-length", "transfer-encoding", "connection", "accept-encoding"))


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What the counterpart answered. url: where it came from in the end.  headers: names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


def is_public(address: Address) -> bool:
    """Whether an address belongs to somebody else's machine on the Internet."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.teredo is not None or address.is_site_local:
            return False
    return (
        address.is_global
        and not (address.is_multicast or address.is_reserved or address.is_loopback or address.is_link_local)
        and not (address.is_private or address.is_unspecified)
        and not any(address in network for network in _NEVER)
    )


async def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, by the system's resolver. Raises: OSError, UnicodeError."""
    with contextlib.suppress(ValueError):
        return [str(ipaddress.ip_address(host))]  # it is one: nobody needs to be asked
    ask = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_RESOLVERS, ask)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Outbound:
    """A guarded HTTP client. allow: comma-separated hosts and networks that may be reached though private.

    timeout_s: for a call in all, redirects included.  largest: bytes of an answer.
    """

    def __init__(
        self,
        allow: str = "",
        *,
        timeout_s: float = 10.0,
        largest: int = 8 * 1024**2,
        resolve: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._hosts, self._networks = _parse(allow)
        self._timeout_s = timeout_s
        self._largest = largest
        self._resolve = resolve
        self._tls = tls
        self._once: aiohttp.ClientSession | None = None
        self._kept: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the client."""
        for session in (self._once, self._kept):
            if session is not None:
                await session.close()

    def _session(self, keep: bool) -> aiohttp.ClientSession:
        """Made when it is first needed: it belongs to a running loop."""
        found = self._kept if keep else self._once
        if found is None:
            found = self._open(keep)
            if keep:
                self._kept = found
            else:
                self._once = found
        return found

    def _open(self, keep: bool) -> aiohttp.ClientSession:
        self._tls = self._tls or ssl.create_default_context()
        if keep:
            connector = aiohttp.TCPConnector(
                ssl=self._tls, limit=_AT_ONCE, limit_per_host=_AT_ONE_HOST, keepalive_timeout=_KEPT_S
            )
        else:
            connector = aiohttp.TCPConnector(
                ssl=self._tls, limit=_AT_ONCE, limit_per_host=_AT_ONE_HOST, force_close=True
            )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=self._timeout_s, sock_connect=min(3.0, self._timeout_s)),
            headers={"user-agent": "Province", "accept": "*/*", "accept-encoding": "identity"},
            skip_auto_headers=("content-type",),
        )

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
        timeout_s: float | None = None,
        largest: int | None = None,
        keep: bool = False,
    ) -> Answer:
        """Send a request; any status is an answer. At most three redirects are followed, each one checked.

        keep: the connection may serve the next request to the same host, and what got no answer on one that the
        counterpart had closed meanwhile is sent a second time: only for what may arrive twice.

        Raises: InvalidInput for a URL, NotAllowed for a target that is refused, TooLarge, Unavailable.
        """
        limit = self._largest if largest is None else largest
        try:
            async with asyncio.timeout(self._timeout_s if timeout_s is None else timeout_s):
                return await self._follow(method.upper(), _parse_url(url), dict(headers or {}), content, limit, keep)
        except TimeoutError:
            raise Unavailable(
                f"{_shown(url)} did not answer in time.", field="url", remedy="Try again later."
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unavailable(
                f"{_shown(url)} cannot be reached ({type(error).__name__}).",
                field="url",
                remedy="Check the address and that the counterpart is running.",
            ) from None

    async def _follow(
        self, method: str, url: httpx.URL, headers: dict[str, str], content: bytes, limit: int, keep: bool
    ) -> Answer:
        for name, value in headers.items():
            if name.lower() in _OWN_HEADERS:
                raise InvalidInput(f"The header {name!r} is set by the client itself.", field=f"headers.{name}")
            if not (name + value).isascii() or not (name + value).isprintable():
                raise InvalidInput("A header holds more than printable ASCII.", field=f"headers.{name[:40]!a}")
            if not _TOKEN.fullmatch(name):
                raise InvalidInput(f"{name[:40]!a} is no name of a header.", field="headers")
        for _ in range(REDIRECTS + 1):
            answer = await self._send(method, url, headers, content, limit, keep)
            if answer.status not in _REDIRECT or "location" not in answer.headers:
                return answer
            target = _parse_url(_join(url, answer.headers["location"]))
            if url.scheme == "https" and target.scheme == "http":
                raise _refused(target, "a redirect from https to http")
            foreign = _origin(target) != _origin(url)
            if foreign:
                headers = {k: v for k, v in headers.items() if k.lower() not in _PRIVATE_HEADERS}
            if answer.status == 303 or (answer.status in (301, 302) and method == "POST"):
                if method != "HEAD":
                    method = "GET"
                content = b""
                headers = {k: v for k, v in headers.items() if k.lower() != "content-type"}
            if foreign and content:
                raise _refused(target, "a redirect that would carry the body to another host")
            url = target
        raise Unavailable(f"{_shown(str(url))} redirects more than {REDIRECTS} times.", field="url")

    async def _send(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], content: bytes, limit: int, keep: bool
    ) -> Answer:
        async with self._answer(method, url, headers, content, keep) as response:
            if response.headers.get("content-encoding", "identity").lower() != "identity":
                # Undone compression is where small answers become huge ones; it was not asked for.
                raise Unavailable(f"{_shown(str(url))} answered in a compressed form.", field="url")
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > limit:
                    response.close()
                    raise TooLarge(f"The answer of {_shown(str(url))} has more than {limit} bytes.", field="url")
            names = dict.fromkeys(name.lower() for name in response.headers)
            told = {name: ", ".join(response.headers.getall(name)) for name in names}
        return Answer(status=response.status, headers=told, body=bytes(body), url=str(url))

    @contextlib.asynccontextmanager
    async def _answer(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], content: bytes, keep: bool
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer of the first address that can be connected to. The connection is made to the address itself, and
        a kept one serves only the host that it was made for."""
        addresses = (await self._checked_addresses(url))[:_ADDRESSES]
        if not addresses:
            raise Unavailable(f"The host {url.host!r} has no address.", field="url", remedy="Check its name.")
        host = url.raw_host.decode("ascii").strip("[]").rstrip(".")
        target = url.raw_path.decode("ascii")
        port = url.port or (443 if url.scheme == "https" else 80)
        response: aiohttp.ClientResponse | None = None
        for address in addresses:
            at = f"[{address}]" if ":" in address else address

            def ask(keep: bool, at: str = at) -> Awaitable[aiohttp.ClientResponse]:
                return self._session(keep).request(
                    method,
                    URL(f"{url.scheme}://{at}:{port}{target}", encoded=True),
                    headers={**headers, "host": url.netloc.decode("ascii")},
                    data=content or None,
                    allow_redirects=False,
                    server_hostname=host,
                )

            try:
                try:
                    response = await ask(keep)
                except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                    if not keep or isinstance(error, aiohttp.ClientConnectorError):
                        raise
                    response = await ask(False)
                break
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
                # Nothing was sent yet: the next address may answer (an IPv6 one where there is no IPv6, say).
                if address == addresses[-1]:
                    raise
        assert response is not None
        async with response:
            yield response

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses of a host that may be connected to. Raises: NotAllowed, Unavailable."""
        return await self._checked_addresses(
            _parse_url(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
        )

    async def require_public(self, host: str) -> None:
        """Refuse a literal address, or `localhost`, that must not be reached. Names are looked up when they are used.

        Raises: NotAllowed.
        """
        bare = host.strip("[]").rstrip(".").lower()
        try:
            ipaddress.ip_address(bare.partition("%")[0])
        except ValueError:
            if bare != "localhost" and not bare.endswith(".localhost"):
                return
        await self.addresses(bare, 80)

    async def _checked_addresses(self, url: httpx.URL) -> list[str]:
        host = url.host.rstrip(".").lower()
        port = url.port or (443 if url.scheme == "https" else 80)
        try:
            found = await self._resolve(url.raw_host.decode("ascii").strip("[]"), port)
        except (OSError, UnicodeError):
            raise Unavailable(f"The host {host!r} has no address.", field="url", remedy="Check its name.") from None
        for text in found:
            address = ipaddress.ip_address(text.partition("%")[0])
            mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
            effective = address if mapped is None else mapped
            allowed = host in self._hosts or any(effective in network for network in self._networks)
            # One forbidden address among several refuses the host: which one is taken must not depend on luck.
            if not allowed and not is_public(address):
                raise _refused(url, f"the address {address}, which is not public")
        return found


def _parse(allow: str) -> tuple[frozenset[str], tuple[Network, ...]]:
    hosts, networks = set(), []
    for entry in filter(None, (part.strip().lower() for part in allow.split(","))):
        try:
            networks.append(ipaddress.ip_network(entry, strict=False))
        except ValueError:
            if "/" in entry or ":" in entry or "*" in entry:
                raise ConfigurationError(
                    f"{entry!r} is neither a host nor a network.",
                    field="PROVINCE_OUTBOUND_ALLOW",
                    remedy="Give host names, addresses or networks such as 10.0.0.0/8, without port or pattern.",
                ) from None
            hosts.add(entry.rstrip("."))
    return frozenset(hosts), tuple(networks)


def _parse_url(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, UnicodeError):
        raise InvalidInput(f"{_shown(text)!r} is no URL.", field="url", remedy="Give https://host/path.") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise InvalidInput(f"{_shown(text)!r} is no http or https URL.", field="url", remedy="Give https://host/path.")
    if url.port is not None and not 0 < url.port < 65536:
        raise InvalidInput(f"The URL has the port {url.port}; 1 to 65535 are expected.", field="url")
    if url.userinfo:
        raise InvalidInput("The URL holds a user name or password.", field="url", remedy="Send it in a header.")
    return url


def _join(url: httpx.URL, location: str) -> str:
    try:
        return str(url.join(location))
    except (httpx.InvalidURL, UnicodeError):
        raise Unavailable(f"{_shown(str(url))} redirects to something that is no URL.", field="url") from None


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _shown(url: str) -> str:
    """The URL without user, password and query, where keys like to stand, and without an endless rest."""
    scheme, mark, rest = url.partition("?")[0].partition("#")[0].partition("//")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"[:200]


def _refused(url: httpx.URL, why: str) -> NotAllowed:
    return NotAllowed(
        f"{_shown(str(url))} leads to {why}.",
        field="url",
        remedy="If it is meant, the operator adds the host or network to PROVINCE_OUTBOUND_ALLOW.",
    )
