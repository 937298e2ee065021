"""Bad input through the real web servers: nobody passes for another, no path leads round a rule
(docs/web-servers.md 1; docs/threats.md 1, H01 to H03, H05 to H09).
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from urllib.parse import unquote

import jwt
import pytest

from tests.http.web_servers.town import PASSWORD, Desktop, Town, town
from tests.http.web_servers.wire import Answer, Wire, answer
from tests.peers import gateways
from tests.peers.behind import Application
from tests.peers.certificates import Certificates
from tests.peers.gateways import FILES, LOGIN
from tests.peers.site import Site

pytestmark = pytest.mark.wire

NAME = "Åse\r\nRemote-User: root\x01, æøå %41 \"'"
# All is public but what is below /private, so that whatever leads round a rule comes in.
RULES = f"""
User.objects.filter(username="alice").update(name={NAME!r})
rule("private", path="/private", order=1, types=["unilogin"])
rule("own", path="/own", order=2)
rule("weak", path="/weak", order=2, strength="low")
rule("strong", path="/strong", order=2, strength="substantial", proof_seconds=600)
rule("socket", path="/socket", order=2, websockets=True)
rule("shop", path="/shop", order=2, clear_storage=True, cookies=[
    {{"name": "app"}}, {{"name": "cart", "path": "/shop", "domain": {FILES!r}}}])
rule("passing", path="/passing", order=2, pass_token=True)
rule("read", path="/read", order=2, methods=["GET"], access="public")
rule("not-written", path="/read", order=3, access="nobody")
rule("public", path="/", access="public", order=200)
AccessRule.objects.create(slug="elsewhere", host="public.town.localhost", access="public")
"""
IDENTITY = (
    "Remote-User", "Remote-Name", "Remote-Email", "Remote-Groups", "X-Session-Type",
    "X-Session-Source",
)  # fmt: skip
SPELT: dict[str, Callable[[str], str]] = {
    "as usual": str,
    "in small letters": str.lower,
    "loud": str.upper,
    "with underscores": lambda name: name.replace("-", "_"),
    "half and half": lambda name: name.replace("-", "_", 1),
    "the other half": lambda name: "-".join(name.rsplit("-", 1)[:-1]) + "_" + name.rsplit("-")[-1],
    "loud, with underscores": lambda name: name.replace("-", "_").upper(),
    "with dots": lambda name: name.replace("-", "."),
}
MARKS = "!#$%&'*+.^_`|~"  # what a name may hold beside letters, digits and "-" (RFC 9110, 5.6.2)
LIES = (
    "X-Forwarded-For: 203.0.113.66", "X-Forwarded-Proto: http", "X-Forwarded-Method: OPTIONS",
    "X-Forwarded-Host: public.town.localhost", "X-Forwarded-Port: 66", "X-Forwarded-Uri: /evil",
    "X-Forwarded-Prefix: /evil", "X-Original-Url: https://public.town.localhost/evil",
    "X-Original-Uri: /evil", "X-Original-Method: OPTIONS", "X-Rewrite-Url: /evil",
    "X-Real-IP: 203.0.113.66", "Forwarded: for=203.0.113.66;host=public.town.localhost",
    "X-Forwarded-User: evil", "X-Forwarded-Email: evil", "X-Forwarded-Groups: evil",
    "X-Forwarded-Preferred-Username: evil", "X-Forwarded-Access-Token: evil",
    "X-Forwarded-Scheme: evil", "X-Forwarded-Ssl: evil", "X-Forwarded-Path: evil",
    "X-Original-Host: evil", "X-Original-Authorization: evil", "X-Rewrite-Uri: evil",
    # By these oauth2-proxy, mod_auth_openidc and other web servers say who asks; the last is a
    # variable of CGI's by which programs call through a proxy (CVE-2016-5385).
    "X-Auth-Request-User: evil", "X-Auth-Request-Email: evil", "X-Auth-Request-Groups: evil",
    "X-Auth-Request-Preferred-Username: evil", "X-Auth-Request-Access-Token: evil",
    "OIDC-Claim-Sub: evil", "OIDC_CLAIM_sub: evil", "OIDC-Claim-Email: evil",
    "OIDC-Claim-Name: evil", "OIDC-Claim-Groups: evil", "OIDC-Claim-Preferred-Username: evil",
    "OIDC-Access-Token: evil", "X-Remote-User: evil", "X-Remote-Groups: evil",
    "X-WebAuth-User: evil", "Proxy: evil",
)  # fmt: skip
TRICKS = (
    "/private", "/private/", "//private", "///private", "/./private", "/x/../private",
    "/x/./../private/a", "/x/%2e%2e/private", "/x/.%2e/private", "/x/..%2fprivate", "/%2fprivate",
    "/x%2f..%2fprivate", "/x/%252e%252e/private", "/x/..%252fprivate", "/%70rivate", "/%2570rivate",
    "/%252570rivate", "/private%2fa", "/private%252fa", "/private;x", "/private;x=1/a",
    "/x/..;/private", "/PRIVATE", "/Private/a", "/private.json", "/private%00", "/private%0d%0a",
    "/x/..%5cprivate", "/x\\..\\private", "/%5cprivate", "/private#/x", "/x#/../private",
    "/private?/public", "/private%3f/public", "/private%23", "/priv%C4%B1te/../private",
    "/\uff50rivate".encode().decode("latin-1"), "/%EF%BD%90rivate", "/private%20", "/private.",
    "/pr%C3%ADvate", "/pri'vate", "/pri%E2%80%8Bvate", "/-private-",
    "/x/%c0%ae%c0%ae/private", "/;%2fx/private", "/;%3fx/private", "/;%252fx/private",
)  # fmt: skip
ORIGIN = "https://go.example.org"
UPSTREAM = "token-of-the-upstream"
# Alice signs in with a password: her session in the browser is given what an upstream would have.
TOKENS = f"""
from accounts.models import StoredSession
from accounts.session import vault
from accounts.provider import TokenSet
row = StoredSession.objects.get(user__username="alice", kind="browser")
vault.new_row(row.uid, TokenSet(access_token={UPSTREAM!r})).save()
"""
SMUGGLED = "GET /private/smuggled HTTP/1.1\r\nHost: {host}\r\n\r\n"


@pytest.fixture(scope="module")
def place(
    site: Callable[..., Site], certificates: Certificates, app: Application
) -> Iterator[Town]:
    with town(
        site, certificates, app.port, gateways.NAMES, RULES, VESTIBULE_FRONTEND_ORIGINS=ORIGIN
    ) as own:
        yield own


@pytest.fixture(scope="module")
def alice(place: Town) -> Desktop:
    person = place.person()
    person.sign_in("alice", PASSWORD)
    own = Desktop(place.browser(), place.places["nginx"].files_url)
    own.redeem(person.visit(own.asks()))
    own.http = person.http
    place.site.manage("shell", "--verbosity=0", stdin=TOKENS)
    return own


@pytest.fixture(scope="module")
def narrow(place: Town, alice: Desktop) -> str:
    """Give an access token that is not for applications behind the gateway."""
    person = place.person()
    person.http = alice.http
    own = Desktop(place.browser(), place.places["nginx"].files_url)
    own.redeem(person.visit(own.asks(scope="openid")))
    return str(own.tokens["access_token"])


@pytest.fixture(scope="module")
def bearer(alice: Desktop) -> str:
    return f"Authorization: Bearer {alice.tokens['access_token']}"


@pytest.fixture(scope="module")
def subject(alice: Desktop) -> str:
    claims = jwt.decode(alice.tokens["id_token"], options={"verify_signature": False})
    return str(claims["sub"])


@pytest.fixture(scope="module", params=gateways.NAMES)
def server(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def wire(place: Town, server: str, app: Application) -> Wire:
    app.seen.clear()
    return place.wire(server)


def test_an_application_is_told_who_asks(
    wire: Wire, app: Application, bearer: str, subject: str
) -> None:
    """H06: a name of many lines arrives as it is, and on one line."""
    assert wire.ask("GET /own/a%20b?c=%2F", bearer).status == 200
    seen = app.last()
    assert seen.target == "/own/a%20b?c=%2F"
    assert seen.all("Remote-User") == [subject]
    assert [unquote(each) for each in seen.all("Remote-Name")] == [NAME]
    assert seen.all("Remote-Email") == ["alice@example.org"]
    assert "".join(seen.all("Remote-Groups")) == ""
    assert seen.all("X-Session-Type") == ["client"] or seen.all("X-Session-Type") == ["local"]
    assert seen.all("Host")[0].startswith(FILES)


def test_who_has_signed_in_too_weakly_is_asked_for_more(
    wire: Wire, app: Application, alice: Desktop, bearer: str
) -> None:
    """RFC 9470, 3, and the way to a stronger sign-in, as each web server passes them on."""
    assert wire.ask("GET /weak", bearer).status == 200
    app.seen.clear()
    refused = wire.ask("GET /strong", bearer)
    assert refused.status == 401
    said = refused.one("WWW-Authenticate")
    assert 'insufficient_user_authentication", acr_values="substantial", max_age="600"' in said
    held = next(each for each in alice.http.cookies if each.name == "vestibule")
    page = wire.ask("GET /strong", f"Cookie: vestibule={held.value}", "Accept: text/html")
    assert page.status == 302
    assert page.one("Location").endswith("%2Fstrong&again=1&strength=substantial")
    assert not app.seen, "the application hears nothing of it"


def test_h03_identity_is_the_gateways_word(
    wire: Wire, app: Application, bearer: str, subject: str
) -> None:
    forged = [f"{spelt(name)}: root" for spelt in SPELT.values() for name in IDENTITY]
    forged += [f"{name}: root, admin" for name in IDENTITY]
    marked = [f"Remote{mark}{name}: root" for mark in MARKS for name in ("User", "Groups")]
    for lies in (marked, forged):
        assert wire.ask("GET /public", *lies).status == 200
        seen = app.last()
        assert "root" not in json.dumps(seen.headers)
    assert {value for name in IDENTITY for value in seen.all(name)} <= {"", "anonymous"}
    assert wire.ask("GET /own", bearer, *forged).status == 200
    seen = app.last()
    assert seen.all("Remote-User") == [subject]
    assert set(seen.all("Remote-Email")) == {"alice@example.org"}
    assert "root, admin" not in json.dumps(seen.headers)


@pytest.mark.parametrize(
    "name", ["Remote-User ", "Remote-User\t", " Remote-User", "Remote-User\x0b"]
)
def test_h03_a_malformed_line_is_none(wire: Wire, app: Application, name: str) -> None:
    found = wire.ask("GET /public", f"{name}: root")
    if app.seen:
        assert "root" not in json.dumps(app.last().headers)
    else:
        assert found.status in {0, 400}


@pytest.mark.parametrize("spelt", SPELT)
def test_h02_what_the_caller_says_of_its_way_decides_nothing(
    wire: Wire, app: Application, spelt: str
) -> None:
    lies = [f"{SPELT[spelt](name)}:{value}" for name, _, value in (x.partition(":") for x in LIES)]
    assert wire.ask("GET /private", *lies).status in {400, 401, 403}
    for lie in lies:
        assert wire.ask("GET /private", lie).status in {400, 401, 403}
    assert not app.seen
    assert wire.ask("GET /public", *lies).status == 200
    said = json.dumps(app.last().headers)
    assert "evil" not in said
    assert "public.town" not in said
    assert "203.0.113.66" not in said


@pytest.mark.parametrize("target", TRICKS)
def test_h07_no_path_leads_round_a_rule(wire: Wire, app: Application, target: str) -> None:
    found = wire.ask(f"GET {target}", "Accept: text/html")
    assert not app.seen
    assert found.status in {0, 301, 302, 307, 308, 400, 401, 403, 404}
    if found.status == 302:
        assert "/login?next=" in found.one("Location")


@pytest.mark.parametrize("agent", ["kube-probe/1.29", "GoogleHC/1.0", "ELB-HealthChecker/2.0", ""])
def test_no_health_check_is_let_in_by_its_name(wire: Wire, app: Application, agent: str) -> None:
    assert wire.ask("GET /private", f"User-Agent: {agent}").status == 401
    assert not app.seen


def test_h01_what_is_asked_about_is_what_is_reached(wire: Wire, app: Application) -> None:
    """Everything is public at a host of that name, which is another application's."""
    other = f"public.town.localhost:{wire.port}"
    tries = [
        ("GET /private", other),
        ("GET /private", "public.town.localhost"),
        (f"GET https://{wire.host}/private", other),
        (f"GET https://{other}/private", wire.host),
        (f"GET http://{other}/private", wire.host),
        ("GET /private", ""),
        ("GET /private", f"{other}\r\nHost: {wire.host}"),
        ("GET /private", f"{wire.host}\r\nHost: {other}"),
        ("GET /private", f"{wire.host}@{other}"),
        ("GET /private", f"{other}, {wire.host}"),
    ]
    for line, host in tries:
        wire.ask(line, host=host)
        assert not app.seen, (line, host)


@pytest.mark.parametrize(
    "named",
    ["Remote-User", "remote-user, Remote-Groups", "Authorization", "Cookie", "X-Session-Type",
     "X-Forwarded-Uri, X-Forwarded-Method", "X-Original-Url", "X-Forwarded-For, X-Forwarded-Proto"],
)  # fmt: skip
def test_no_header_is_lost_on_the_way(
    wire: Wire, app: Application, bearer: str, subject: str, named: str
) -> None:
    """RFC 9110, 7.6.1: what Connection names goes no further, and must not be the gateway's."""
    found = wire.ask("GET /own", f"Connection: close, {named}", bearer)
    if app.seen:
        seen = app.last()
        assert seen.all("Remote-User") == [subject]
        assert len(seen.all("X-Session-Type")) == 1
    else:
        assert found.status in {400, 401, 403}
    assert wire.ask("GET /private", f"Connection: close, {named}").status in {400, 401, 403}
    assert not app.seen


def test_h08_methods(wire: Wire, app: Application, bearer: str) -> None:
    for method in ("TRACE", "TRACK", "FOO", "HEAD", "OPTIONS", "CONNECT"):
        found = wire.ask(f"{method} /private", bearer)
        assert found.status in {0, 400, 401, 403, 404, 405, 501}, method
        assert not app.seen
    for method in ("POST", "DELETE", "PROPFIND"):
        assert wire.ask(f"{method} /read", "Content-Length: 0").status == 403
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        assert wire.ask("GET /read", f"{name}: DELETE").status == 403
        for more in ("DELETE,\xc3\xa5", "DELETE,\xff", f"GET\r\n{name}: DELETE,\xff"):
            found = wire.ask("GET /read", f"{name}: {more}").status
            assert found in {400, 403} or not app.last().all(name)[1:], more
    assert wire.ask("GET /read?_method%00x=DELETE").status == 403
    assert not app.seen
    assert wire.ask("HEAD /read", "X-HTTP-Method.Override: DELETE").status == 200
    assert "DELETE" not in json.dumps(app.last().headers)


def test_h09_only_a_websocket_is_handed_on_where_a_rule_says_so(
    wire: Wire, app: Application, bearer: str
) -> None:
    h2c = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk")
    found = wire.ask("GET /public", *h2c)
    assert found.status != 101
    assert not any(seen.all("Upgrade") or seen.all("HTTP2-Settings") for seen in app.seen)
    app.seen.clear()
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    two = "h2c\r\nUpgrade: websocket"
    for value in ("foo", "websocket, foo", "foo, websocket", "websocket", two):
        for keys in ([], [key], [f"{key}\xff"]):
            lines = ("Connection: Upgrade", f"Upgrade: {value}", "Sec-WebSocket-Version: 13")
            found = wire.ask("GET /public", *lines, *keys)
            assert found.status in {400, 403}, (value, keys)
            assert not app.seen
    upgrade = (
        "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    )  # fmt: skip
    assert wire.ask("GET /public", *upgrade).status == 403
    assert wire.ask("GET /socket", *upgrade).status == 401
    assert not app.seen
    head = "\r\n".join(["GET /socket HTTP/1.1", f"Host: {wire.host}", bearer, *upgrade, "", ""])
    with closing(wire.connect()) as socket:
        socket.sendall(head.encode())
        received = b""
        while b"\r\n\r\n" not in received:
            received += socket.recv(4096)
        assert received.startswith(b"HTTP/1.1 101")
        assert b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in received  # RFC 6455, 1.3
        socket.sendall(b"\x81\x85\x00\x00\x00\x00hello")
        assert socket.recv(4096) == b"\x81\x85\x00\x00\x00\x00hello"


@pytest.mark.parametrize(
    "head",
    [
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        "Content-Length: 0\r\nContent-Length: 44\r\n\r\n",
        "Content-Length: +0\r\n\r\n",
        "X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_h05_no_request_hides_within_another(
    wire: Wire, app: Application, head: str, server: str
) -> None:
    """What the web server takes for a second request is asked about as such."""
    text = f"POST /public HTTP/1.1\r\nHost: {wire.host}\r\n{head}{SMUGGLED.format(host=wire.host)}"
    with closing(wire.connect()) as socket:
        socket.settimeout(20)
        socket.sendall(text.encode("latin-1"))
        with suppress(TimeoutError):  # it waits for the rest of what it takes for a body
            answer(socket, "POST")
    assert all(seen.target == "/public" for seen in app.seen)


def test_a_refused_upload_leaves_the_connection_clean(
    wire: Wire, app: Application, server: str
) -> None:
    size = 300_000
    head = f"PUT /private/a HTTP/1.1\r\nHost: {wire.host}\r\nContent-Length: {size}\r\n\r\n"
    cuts_off = (OSError,) if server == "HAProxy" else ()  # which has answered by then
    with closing(wire.connect()) as socket:
        with suppress(*cuts_off):
            socket.sendall(head.encode() + bytes(size))
        assert answer(socket, "PUT").status == 401
    assert not app.seen


def test_an_application_gets_neither_our_cookie_nor_our_token(
    wire: Wire, app: Application, alice: Desktop, bearer: str, server: str
) -> None:
    held = next(one.value for one in alice.http.cookies if one.name.endswith("vestibule"))
    assert held
    ours = [f"__Host-vestibule={held}", f"vestibule={held}"]
    mixed = "; ".join(["a=1", ours[0], "b=2", "xvestibule=3", ours[1], "c=4"])
    for cookie in (mixed, *ours, f"{ours[1]}; a=1", f"a=1; {ours[1]}", "; ".join(ours * 3)):
        assert wire.ask("GET /public", f"Cookie: {cookie}", bearer).status in {200, 400}
        if app.seen:
            seen = app.last()
            assert not [each for each in seen.all("Authorization") if each]
            if server != "Traefik":
                assert held not in json.dumps(seen.headers)
    for line in (bearer, f"Cookie: vestibule={held}", f"Cookie: vestibule={held}\r\n{bearer}"):
        assert wire.ask("GET /passing", line).status == 200
        found = [each for each in app.last().all("Authorization") if each]
        assert found == ([f"Bearer {UPSTREAM}"] if "Cookie" in line else []), "a rule passes it on"
    wire.ask("GET /public", f"Cookie: {mixed}")
    if server != "Traefik":
        kept = [part.strip() for part in "".join(app.last().all("Cookie")).split(";")]
        assert [part for part in kept if part] == ["a=1", "b=2", "xvestibule=3", "c=4"]


def test_e07_a_cookie_that_is_not_ascii_signs_nobody_out(
    wire: Wire, app: Application, alice: Desktop, server: str
) -> None:
    """Any neighbour below the domain can set one. Whoever keeps it reads what to do."""
    held = next(one.value for one in alice.http.cookies if one.name.endswith("vestibule"))
    cookie = f"Cookie: by=K\xc3\xb8benhavn; vestibule={held}; x=\xff"
    session = wire.ask("GET /auth/session", cookie, host=f"{LOGIN}:{wire.port}")
    page = wire.ask("GET /own", cookie, "Accept: text/html")
    if server == "Traefik":
        assert b"Delete the cookies" in session.body
        assert (session.status, page.status, app.seen) == (400, 400, [])
    else:
        assert json.loads(session.body)["isLoggedIn"] is True
        assert page.status == 200
    if server == "nginx":  # which takes them out of three places
        many = f"Cookie: vestibule={held}" + "; x=\xff; a=1" * 4
        page = wire.ask("GET /own", many, "Accept: text/html")
        assert page.status == 400
        assert b"delete the cookies" in page.body


def test_what_is_vestibules_own(wire: Wire, app: Application, bearer: str, place: Town) -> None:
    """Discovery and the hand-over of sessions at the application's name, the check at no name."""
    for name in ("openid-configuration", "oauth-authorization-server"):
        found = wire.ask(f"GET /.well-known/{name}")
        assert json.loads(found.body)["issuer"] == place.login
    assert wire.ask("GET /.well-known/oauth-protected-resource").status == 200
    assert wire.ask("GET /.well-known/webfinger").status == 400
    for path in ("/.vestibule/start?rd=/own", "/.vestibule/accept?code=x", "/.vestibule/check"):
        assert wire.ask(f"GET {path}", bearer).status == 404
    assert not app.seen
    login = f"{LOGIN}:{wire.port}"
    assert wire.ask("GET /healthz", host=login).status == 200
    lies = [lie.replace("/evil", "/public") for lie in LIES]
    for path in ("/gateway/check", "/gateway/check/public", "/gateway/check/../check"):
        found = wire.ask(f"GET {path}", bearer, *lies, host=login)
        assert found.status in {400, 404}
        assert not found.all("Remote-User")


@pytest.mark.parametrize("header", ["remote-user: root", "remote_user: root"])
def test_h03_over_http_2(
    wire: Wire, app: Application, header: str, server: str, bearer: str, subject: str
) -> None:
    where = f"{wire.host}:127.0.0.1"
    curl = ["curl", "-s", "--http2", "--resolve", where, "--cacert", str(wire.authority)]
    curl += ["-w", "%{http_version}", "-o", "/dev/null", "-H", header]
    for path in ("public", "own"):
        command = [*curl, "-H", bearer, f"https://{wire.host}/{path}"]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
        assert done.stdout == ("1.1" if server == "nginx" else "2")
        assert app.last().all("Remote-User") == [subject]


def test_a_refusal_arrives_whole(wire: Wire, app: Application, place: Town) -> None:
    """docs/gateway.md 2: whatever the web server makes of it."""
    page = wire.ask("GET /own/a?b=c", "Accept: text/html")
    assert page.status == 302
    assert page.one("Location").startswith(f"{place.login}/login?next=https%3A%2F%2F{FILES}")
    assert page.one("Location").endswith("%2Fown%2Fa%3Fb%3Dc")
    assert page.one("Cache-Control") == "no-store"
    long = wire.ask(f"GET /own?{'layer=a,' * 750}", "Accept: text/html")
    assert (long.status, long.one("Location").count("layer%3Da%2C")) == (302, 750)
    origin = f"Origin: {ORIGIN}"
    script = wire.ask("GET /own", origin, "X-Requested-With: XMLHttpRequest")
    assert (script.status, script.all("WWW-Authenticate")) == (401, [])
    assert script.one("Access-Control-Allow-Origin") == ORIGIN
    assert script.one("Access-Control-Allow-Credentials") == "true"
    wrong = wire.ask("GET /own", "Authorization: Bearer vsta_wrong")
    assert wrong.status == 401
    assert 'error="invalid_token"' in wrong.one("WWW-Authenticate")
    assert not app.seen


@pytest.mark.parametrize("line", ["Accept: text/html", "Accept: application/json"])
def test_the_applications_own_cookies_end_with_a_refusal(
    wire: Wire, server: str, line: str
) -> None:
    """docs/gateway.md 6: all that came at once; through nginx one after the other."""
    held, ended = {"app": "1", "cart": "2", "theme": "3"}, []
    for _ in range(3):
        cookie = "; ".join(f"{name}={value}" for name, value in held.items())
        found = wire.ask("GET /shop", line, f"Cookie: {cookie}")
        assert found.status == (302 if "html" in line else 401)
        names = [each.partition("=")[0] for each in found.all("Set-Cookie")]
        assert found.all("Clear-Site-Data") == (['"storage"'] if names else [])
        ended.append(len(names))
        for each in found.all("Set-Cookie"):
            assert "Max-Age=0" in each
            assert "Secure" in each
            del held[each.partition("=")[0]]
    assert held == {"theme": "3"}
    assert ended == ([1, 1, 0] if server == "nginx" else [2, 0, 0])


def test_whoever_is_refused_reads_why(wire: Wire, app: Application, place: Town) -> None:
    """A page in their language, with a code by which the desk finds the one event. A session has
    twenty of them in five minutes, so this one is nobody else's.
    """
    person = place.person()
    person.sign_in("alice", PASSWORD)
    held = next(one.value for one in person.http.cookies if one.name.endswith("vestibule"))
    cookie, language = f"Cookie: vestibule={held}", "Accept-Language: da"
    for method in ("GET", "HEAD"):
        found = wire.ask(f"{method} /private", cookie, "Accept: text/html", language)
        assert found.status == 403
        assert method == "HEAD" or found.one("Content-Type").startswith("text/html")
        assert f"style-src {place.login}" in found.one("Content-Security-Policy")
        assert found.one("Cache-Control") == "no-store"
        code = re.search(r"[0-9A-Z]{4}-[0-9A-Z]{4}", found.body.decode())
        assert bool(code) == (method == "GET")
    assert wire.ask("POST /private", cookie, "Content-Length: 1", body=b"x").status == 403
    assert not app.seen


def insisted(wire: Wire, line: str, *lines: str, body: bytes) -> Answer:
    """Ask until there is an answer. Caddy ends a connection half a second after one, whoever has
    more than 256 KiB still to send; on a busy machine that is before it was read.
    """
    for _try in range(5):
        found = wire.ask(line, *lines, body=body)
        if found.status:
            break
    return found


@pytest.mark.parametrize("size", [1, 99_999, 300_000])
def test_who_sends_a_form_in_vain_reads_why(
    wire: Wire, app: Application, alice: Desktop, server: str, size: int
) -> None:
    """docs/gateway.md 2: how to send it again, or that they may not."""
    held = next(one.value for one in alice.http.cookies if one.name.endswith("vestibule"))
    came = f"Referer: https://{wire.host}/own/new"
    sent = (f"Content-Length: {size}", "Sec-Fetch-Mode: navigate", came)
    found = insisted(wire, "POST /own/form", *sent, body=bytes(size))
    by_itself = server == "nginx" and size > 99_999  # it would have to be kept
    assert found.status == 401
    assert len(found.all("WWW-Authenticate")) == len(found.all("Cache-Control")) == 1
    assert b"What you sent has not arrived" in found.body
    if not by_itself:
        assert found.one("Content-Type") == "text/html; charset=utf-8"
        assert b"%2Fown%2Fnew" in found.body
    shop = insisted(wire, "POST /shop/form", *sent, "Cookie: app=1", body=bytes(size))
    assert len(shop.all("Set-Cookie")) == 1
    assert shop.one("Clear-Site-Data") == '"storage"'
    known = f"Cookie: vestibule={held}"
    danish = (*sent, known, "Accept-Language: da")
    found = insisted(wire, "POST /private/form", *danish, body=bytes(size))
    assert found.status == 403
    assert by_itself or "<h1>Du har ikke adgang til siden</h1>" in found.body.decode()
    assert not app.seen
    with closing(wire.connect()) as kept:
        head = f"POST /own/form HTTP/1.1\r\nHost: {wire.host}\r\n"
        with suppress(OSError):
            kept.sendall("\r\n".join([head + sent[1], *sent[::2], "", ""]).encode() + bytes(size))
        first = answer(kept, "POST")
        assert first.status == 401 or (size > 99_999 and not first.status)
        with suppress(OSError):
            kept.sendall(f"GET /public HTTP/1.1\r\nHost: {wire.host}\r\n\r\n".encode())
            assert answer(kept).status in {200, 0}  # or closed


def test_a_token_without_the_scope_is_told_so(wire: Wire, narrow: str, app: Application) -> None:
    """RFC 6750, 3.1."""
    for method in ("GET", "PROPFIND"):
        found = wire.ask(f"{method} /own", f"Authorization: Bearer {narrow}")
        assert found.status == 403
        assert 'error="insufficient_scope"' in found.one("WWW-Authenticate")
    assert not app.seen


def test_a_move_is_asked_about_at_both_ends(wire: Wire, app: Application) -> None:
    """RFC 4918, 9.8.3: Destination is a second path that a request writes to."""
    for place in (
        f"https://{wire.host}/private/a",
        "/private/a",
        "/x/%2e%2e/private/a",
        f"//{wire.host}/private/a",
    ):
        for method in ("MOVE", "COPY"):
            found = wire.ask(f"{method} /public/a", f"Destination: {place}")
            assert found.status in {400, 401, 403}, place
    for more in (
        ["Destination: /private/a?\xc3\xa5"],
        ["Destination: /private/a?\xff"],
        ["Destination: /private/a?\xff", "Destination: /public/b"],
        ["Destination:", "Destination: /private/a"],
        [],
    ):
        assert wire.ask("MOVE /public/a", *more).status in {0, 400, 401, 403}, more
    assert not app.seen
    two = ["Destination: /public/b", "Destination: /private/a?\xff"]
    if wire.ask("MOVE /public/a", *two).status == 200:
        assert app.last().all("Destination") == ["/public/b"]
    assert wire.ask("MOVE /public/a", f"Destination: https://{wire.host}/public/b").status == 200


def test_a_whole_tree_is_asked_about_with_what_is_closed_in_it(
    wire: Wire, app: Application
) -> None:
    """RFC 4918, 9.1, 9.6.1 and 9.8.3."""
    there = f"Destination: https://{wire.host}/mine"
    for line in ("DELETE /", "COPY /", "MOVE /", "PROPFIND /"):
        assert wire.ask(line, there, "Depth: infinity").status == 403, line
    assert not app.seen
    assert wire.ask("PROPFIND /", "Depth: 1").status == 200
    assert wire.ask("DELETE /public").status == 200


def test_a_preflight_is_one_only_as_browsers_send_it(wire: Wire, app: Application) -> None:
    """Fetch, 4.8: without credentials, without a body, and for no other method."""
    asks = (f"Origin: {ORIGIN}", "Access-Control-Request-Method: GET")
    for line in ("X-HTTP-Method-Override: DELETE", "Cookie: app=1", "Content-Type: text/plain"):
        assert wire.ask("OPTIONS /private", *asks, line).status == 401, line
    assert wire.ask("OPTIONS /private?_method=DELETE", *asks).status == 401
    for line, body in (
        ("Content-Length: 3", b"abc"),
        ("Transfer-Encoding: chunked", b"3\r\nabc\r\n0\r\n\r\n"),
    ):
        for lie in ("Accept: */*", "X-Original-Length: 0"):
            assert wire.ask("OPTIONS /private", *asks, line, lie, body=body).status == 401, line
    assert not app.seen
    assert wire.ask("OPTIONS /private", *asks).status == 200
    assert app.last().all("Remote-User") in ([], [""])
    refused = wire.ask("OPTIONS /private", *asks, "Cookie: app=\xff").status in {400, 401}
    assert refused or not app.last().all("Cookie"), "which Vestibule could not read"
