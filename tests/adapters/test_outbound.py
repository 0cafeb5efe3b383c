from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import gzip
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from province.adapters.outbound import Outbound, Resolve, is_public
from province.errors import ConfigurationError, InvalidInput, NotAllowed, TooLarge, Unavailable

Reply = Callable[[str, dict[str, str], bytes], bytes]


def answer(status: str = "200 OK", body: bytes = b"ok", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class Server:
    """A real HTTP server on loopback; it keeps what it was asked."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        self.replies: dict[str, bytes | Reply] = {}

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


async def serve(host: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> tuple[Server, asyncio.Server]:
    made = Server(host, 0)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            made.seen.append((head[0], headers, body))
            path = head[0].split()[1]
            if path == "/silent":
                await reader.read()
            reply = made.replies.get(path, answer())
            writer.write(reply if isinstance(reply, bytes) else reply(head[0], headers, body))
            if path == "/endless":
                while True:
                    writer.write(b"x" * 65536)
                    await writer.drain()
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    listening = await asyncio.start_server(handle, host, 0, ssl=tls)
    made.port = listening.sockets[0].getsockname()[1]
    return made, listening


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made, listening = await serve()
    yield made
    listening.close()


@pytest.fixture
async def open_client() -> AsyncIterator[Outbound]:
    client = Outbound("127.0.0.0/8", timeout_s=5, largest=100_000)
    yield client
    await client.close()


@pytest.fixture
async def closed_client() -> AsyncIterator[Outbound]:
    client = Outbound(timeout_s=5)
    yield client
    await client.close()


def resolving(table: dict[str, list[str]]) -> Resolve:
    async def resolve(host: str, port: int) -> list[str]:
        if host not in table:
            raise OSError("unknown host")
        return table[host]

    return resolve


async def test_an_allowed_host_is_reached(server: Server, open_client: Outbound) -> None:
    got = await open_client.request("POST", f"{server.url}/a?b=1", headers={"x-key": "k"}, content=b"body")
    assert (got.status, got.body, got.url) == (200, b"ok", f"{server.url}/a?b=1")
    line, headers, body = server.seen[0]
    assert line == "POST /a?b=1 HTTP/1.1"
    assert headers["host"] == f"127.0.0.1:{server.port}"
    assert headers["x-key"] == "k"
    assert body == b"body"


async def test_loopback_is_refused_unless_allowed(server: Server, closed_client: Outbound) -> None:
    for host in ("127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "0"):
        with pytest.raises((NotAllowed, Unavailable)) as caught:
            await closed_client.request("GET", f"http://{host}:{server.port}/")
        assert caught.value.field == "url"
    assert server.seen == []


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2001:4860:4860::8888", True),
        ("64:ff9b::808:808", True),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("100.64.0.1", False),
        ("100.100.100.200", False),
        ("127.0.0.1", False),
        ("169.254.169.254", False),
        ("168.63.129.16", False),
        ("172.16.0.1", False),
        ("192.0.0.192", False),
        ("192.168.1.1", False),
        ("198.18.0.1", False),
        ("224.0.0.1", False),
        ("239.1.1.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("::7f00:1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::a00:1", False),
        ("64:ff9b:1::1", False),
        ("2002:7f00:1::", False),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False),
        ("fc00::1", False),
        ("fd00:ec2::254", False),
        ("fe80::1", False),
        ("fec0::1", False),
        ("ff02::1", False),
    ],
)
def test_which_addresses_are_public(address: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(address)) is public


async def test_one_private_address_among_public_ones_refuses_the_host() -> None:
    client = Outbound(resolve=resolving({"mixed.example": ["8.8.8.8", "10.0.0.1"]}))
    with pytest.raises(NotAllowed, match=r"10\.0\.0\.1"):
        await client.request("GET", "http://mixed.example/")
    await client.close()


async def test_the_connection_goes_to_the_checked_address(server: Server) -> None:
    asked = 0

    async def rebinding(host: str, port: int) -> list[str]:
        # A name that means something else each time it is asked.
        nonlocal asked
        asked += 1
        return ["127.0.0.1"] if asked == 1 else ["127.0.0.99"]

    client = Outbound("127.0.0.1", resolve=rebinding)
    got = await client.request("GET", f"http://feeds.example:{server.port}/x")
    assert got.status == 200
    assert asked == 1
    assert server.seen[0][1]["host"] == f"feeds.example:{server.port}"
    with pytest.raises(NotAllowed):
        await client.request("GET", f"http://feeds.example:{server.port}/x")
    await client.close()


async def test_a_dead_address_gives_way_to_the_next(server: Server) -> None:
    table = {"two.example": ["127.0.0.2", "127.0.0.1"], "dead.example": ["127.0.0.2", "127.0.0.3"], "none.example": []}
    client = Outbound("127.0.0.0/8", resolve=resolving(table))
    assert (await client.request("GET", f"http://two.example:{server.port}/")).status == 200
    for host in ("dead.example", "none.example"):
        with pytest.raises(Unavailable):
            await client.request("GET", f"http://{host}:{server.port}/")
    await client.close()


async def test_redirects_are_followed_and_each_is_checked(server: Server, open_client: Outbound) -> None:
    server.replies["/a"] = answer("302 Found", location="/b")
    server.replies["/b"] = answer("301 Moved", location=f"{server.url}/c")
    assert (await open_client.request("GET", f"{server.url}/a")).url == f"{server.url}/c"
    server.replies["/loop"] = answer("302 Found", location="/loop")
    with pytest.raises(Unavailable, match="more than 3"):
        await open_client.request("GET", f"{server.url}/loop")


@pytest.mark.parametrize("target", ["http://10.0.0.1/", "http://169.254.169.254/latest/meta-data", "http://[::1]/"])
async def test_a_redirect_to_a_private_address_is_refused(server: Server, open_client: Outbound, target: str) -> None:
    server.replies["/a"] = answer("302 Found", location=target)
    with pytest.raises(NotAllowed, match="not public"):
        await open_client.request("GET", f"{server.url}/a")


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/", "http://", "gopher://x/", "http://a:b@c/"]
)
async def test_a_redirect_to_another_scheme_is_refused(server: Server, open_client: Outbound, target: str) -> None:
    server.replies["/a"] = answer("302 Found", location=target)
    with pytest.raises((InvalidInput, Unavailable)):
        await open_client.request("GET", f"{server.url}/a")


async def test_secrets_stay_with_their_host(server: Server) -> None:
    table = {"one.example": ["127.0.0.1"], "two.example": ["127.0.0.1"]}
    client = Outbound("127.0.0.1", resolve=resolving(table))
    server.replies["/a"] = answer("307 Temporary", location=f"http://two.example:{server.port}/b")
    sent = {"Authorization": "Bearer x", "Cookie": "c=1", "X-Other": "y"}
    await client.request("GET", f"http://one.example:{server.port}/a", headers=sent)
    assert server.seen[0][1]["authorization"] == "Bearer x"
    assert "authorization" not in server.seen[1][1]
    assert "cookie" not in server.seen[1][1]
    assert server.seen[1][1]["x-other"] == "y"
    with pytest.raises(NotAllowed, match="carry the body"):
        await client.request("POST", f"http://one.example:{server.port}/a", content=b"personal")
    await client.close()


async def test_a_post_becomes_a_get_after_303(server: Server, open_client: Outbound) -> None:
    server.replies["/a"] = answer("303 See Other", location="/b")
    await open_client.request("POST", f"{server.url}/a", content=b"x", headers={"Content-Type": "text/plain"})
    line, headers, body = server.seen[1]
    assert line.startswith("GET /b")
    assert body == b""
    assert "content-type" not in headers


async def test_answers_are_limited(server: Server, open_client: Outbound) -> None:
    server.replies["/endless"] = b"HTTP/1.1 200 OK\r\n\r\n"
    with pytest.raises(TooLarge):
        await open_client.request("GET", f"{server.url}/endless")
    server.replies["/big"] = answer(body=b"x" * 2000)
    with pytest.raises(TooLarge):
        await open_client.request("GET", f"{server.url}/big", largest=1999)
    assert len((await open_client.request("GET", f"{server.url}/big", largest=2000)).body) == 2000


async def test_a_compressed_bomb_is_not_unpacked(server: Server, open_client: Outbound) -> None:
    body = gzip.compress(bytes(10_000_000))
    server.replies["/zip"] = answer(body=body, **{"content-encoding": "gzip"})
    with pytest.raises(Unavailable, match="compressed"):
        await open_client.request("GET", f"{server.url}/zip")


async def test_a_silent_counterpart_is_given_up(server: Server, open_client: Outbound) -> None:
    with pytest.raises(Unavailable, match="in time"):
        await open_client.request("GET", f"{server.url}/silent", timeout_s=0.2)


async def test_an_absent_counterpart_is_named_without_its_query(server: Server, open_client: Outbound) -> None:
    with pytest.raises(Unavailable) as caught:
        await open_client.request("GET", "http://127.0.0.1:1/path?key=SECRET")
    assert "127.0.0.1:1/path" in str(caught.value)
    assert "SECRET" not in str(caught.value)
    client = Outbound(resolve=resolving({}))
    with pytest.raises(Unavailable, match="no address"):
        await client.request("GET", "http://nowhere.example/")
    await client.close()


async def test_broken_answers_are_unavailable(server: Server, open_client: Outbound) -> None:
    server.replies["/junk"] = b"\x00\x01 not http\r\n\r\n"
    server.replies["/short"] = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nx"
    for path in ("/junk", "/short"):
        with pytest.raises(Unavailable):
            await open_client.request("GET", server.url + path)


async def test_a_kept_connection_serves_the_next_request_to_its_host_and_no_other() -> None:
    connections: list[list[str]] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mine: list[str] = []
        connections.append(mine)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                mine.append(head.partition("host: ")[2].partition(":")[0])
                if head.startswith("get /leave"):
                    writer.write(answer())
                    await writer.drain()
                    break
                writer.write(answer())
                await writer.drain()
        writer.close()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    table = {"one.example": ["127.0.0.1"], "two.example": ["127.0.0.1"]}
    client = Outbound("127.0.0.1", resolve=resolving(table))
    try:
        for host in ("one", "one", "two"):
            assert (await client.request("GET", f"http://{host}.example:{port}/", keep=True)).status == 200
        assert connections == [["one.example", "one.example"], ["two.example"]]
        await client.request("GET", f"http://one.example:{port}/")
        await client.request("GET", f"http://one.example:{port}/")
        assert connections[2:] == [["one.example"], ["one.example"]]
        # The counterpart ends a connection after its answer: what comes next gets through all the same.
        for _ in range(5):
            await client.request("GET", f"http://one.example:{port}/leave", keep=True)
            assert (await client.request("POST", f"http://one.example:{port}/", keep=True)).status == 200
    finally:
        await client.close()
        listening.close()


@pytest.mark.parametrize(
    "url", ["", "x", "//x", "ftp://x/", "file:///etc/passwd", "http://", "http://u:SECRET@x/", "http://x:99999/", "\0"]
)
async def test_bad_urls_are_told_so(closed_client: Outbound, url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await closed_client.request("GET", url)
    assert caught.value.field == "url"
    assert "SECRET" not in str(caught.value)


async def test_headers_of_the_connection_are_not_the_callers(server: Server, open_client: Outbound) -> None:
    with pytest.raises(InvalidInput, match="Host"):
        await open_client.request("GET", server.url, headers={"Host": "other"})
    for value in ("x\r\nInjected: 1", "tiếng", "\x00"):
        with pytest.raises(InvalidInput, match="ASCII"):
            await open_client.request("GET", server.url, headers={"X-A": value})
    with pytest.raises(InvalidInput, match="no name"):
        await open_client.request("GET", server.url, headers={"X A": "1"})


async def test_proxy_variables_are_not_read(
    server: Server, open_client: Outbound, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    client = Outbound("127.0.0.1")
    assert (await client.request("GET", server.url)).status == 200
    await client.close()


@pytest.mark.parametrize("allow", ["*.example.org", "http://x", "10.0.0.0/99", "a:80"])
def test_a_senseless_list_is_found_at_start(allow: str) -> None:
    with pytest.raises(ConfigurationError):
        Outbound(allow)


def _certificate(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """(server, client) contexts of a self-signed certificate for `name`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(pem)
    return serving, ssl.create_default_context(cafile=str(pem))


async def test_tls_checks_the_name_not_the_address(tmp_path: Path) -> None:
    serving, trusting = _certificate("hub.example", tmp_path)
    made, listening = await serve(tls=serving)
    table = {"hub.example": ["127.0.0.1"], "other.example": ["127.0.0.1"]}
    client = Outbound("127.0.0.1", resolve=resolving(table), tls=trusting)
    try:
        got = await client.request("GET", f"https://hub.example:{made.port}/")
        assert got.status == 200
        assert made.seen[0][1]["host"] == f"hub.example:{made.port}"
        with pytest.raises(Unavailable):
            await client.request("GET", f"https://other.example:{made.port}/")
        made.replies["/down"] = answer("302 Found", location=f"http://hub.example:{made.port}/")
        with pytest.raises(NotAllowed, match="https to http"):
            await client.request("GET", f"https://hub.example:{made.port}/down")
    finally:
        await client.close()
        listening.close()
