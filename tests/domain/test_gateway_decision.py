"""The gateway's decision, case by case (docs/gateway.md 2). The table is its documentation.

Attacks H02, H03, H06, H07, H08 and H09 (docs/threats.md).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from accounts.errors import InvalidRequest
from accounts.session.typed import Session
from accounts.strength import Strength
from portal.gateway import forwarded, identity
from portal.gateway.decision import (
    Allow,
    By,
    Decision,
    Forbidden,
    Settings,
    SignIn,
    Unauthorized,
    Who,
    decide,
)
from portal.gateway.hosts import arrives, reaches
from portal.gateway.rules import NOBODY, PUBLIC, AppCookie, Rule, Rules
from portal.tokens.token_errors import InvalidToken

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
SITE = Settings("https://login.example.org", domain="example.org")
HOST = "files.example.org"
RULES = Rules(
    [
        Rule("status", HOST, "/status", access=PUBLIC),
        Rule("upload", HOST, "/inbox", frozenset({"PUT"}), access=PUBLIC),
        Rule("closed", HOST, "/internal", access=NOBODY),
        Rule("pupils", HOST, "/school", types=frozenset({"unilogin"})),
        Rule("desk", HOST, "/desk", groups=frozenset({"Caseworkers", "Leaders"})),
        Rule("salaries", HOST, "/salaries", proof=600),
        Rule("loans", HOST, "/loans", strength=Strength.LOW),
        Rule("cases", HOST, "/cases", strength=Strength.SUBSTANTIAL),
        Rule("secret", HOST, "/cases;x", strength=Strength.HIGH, proof=300),
        Rule("seal", HOST, "/seal", strength=Strength.SUBSTANTIAL, proof=600),
        Rule("live", HOST, "/live", websockets=True),
        Rule("map", HOST, "/map", pass_token=True, by_username=True),
        Rule("rest", HOST, cookies=(AppCookie("app", "/"), AppCookie("cart", "/shop"))),
        Rule("wiki", "*.wiki.example.org"),
    ]
)

SESSION = Session(
    uid="s1",
    type="ldap",
    source="town",
    name="Alice Åberg",
    username="alice",
    status="active",
    auth_time=int(NOW.timestamp()) - 60,
)
NOBODY_THERE = Who()
ALICE = Who(
    By.COOKIE, SESSION, "u1", "alice@example.org", ("Caseworkers", "Staff, all"), username="alice"
)
WAITING = replace(ALICE, session=replace(SESSION, status="awaiting_access"))
PUPIL = replace(ALICE, session=replace(SESSION, type="unilogin"), groups=())
YESTERDAY = replace(ALICE, session=replace(SESSION, auth_time=SESSION.auth_time - 86400))
WEAK = replace(ALICE, strength=Strength.LOW)
STRONG = replace(ALICE, strength=Strength.SUBSTANTIAL)
STRONGEST = replace(ALICE, strength=Strength.HIGH)
WEAK_CLIENT = replace(WEAK, by=By.BEARER, scopes=frozenset({"gateway"}))
STRONG_ONCE = replace(YESTERDAY, strength=Strength.HIGH)
CLIENT = replace(ALICE, by=By.BEARER, scopes=frozenset({"gateway"}))
NARROW = replace(ALICE, by=By.BEARER, scopes=frozenset({"profile"}))
STALE = Who(failed=InvalidToken("The access token is not known, or it has expired."))

PAGE = {"accept": "text/html,*/*;q=0.8"}
CLICK = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document", "accept": "*/*"}
FETCH = {"sec-fetch-mode": "cors", "accept": "text/html"}
XHR = {"x-requested-with": "XMLHttpRequest", "accept": "text/html"}
TOKEN = {"authorization": "Bearer x", "accept": "text/html"}
CURL = {"accept": "*/*"}
LIST = {**CURL, "depth": "1"}
ALL = {**CURL, "depth": "infinity"}
SOCKET = {"upgrade": "websocket", "connection": "Upgrade", "accept": "text/html"}
H2C = {"upgrade": "h2c", "accept": "text/html"}
PREFLIGHT = {"origin": "https://go.example.org", "access-control-request-method": "PUT"}

CASES: list[tuple[str, Who, str, str, dict[str, str], Any]] = [
    # --- what                           who           method     path             headers    answer
    ("a page is asked to sign in",       NOBODY_THERE, "GET",      "/",             PAGE,      302),
    ("so is a click",                    NOBODY_THERE, "GET",      "/",             CLICK,     302),
    ("a HEAD is no other",               NOBODY_THERE, "HEAD",     "/",             PAGE,      302),
    ("a form cannot be sent twice",      NOBODY_THERE, "POST",     "/",             PAGE,      401),
    ("a script's fetch gets a status",   NOBODY_THERE, "GET",      "/",             FETCH,     401),
    ("so does an XHR",                   NOBODY_THERE, "GET",      "/",             XHR,       401),
    ("curl is no browser",               NOBODY_THERE, "GET",      "/",             CURL,      401),
    ("a DAV client neither",             NOBODY_THERE, "PROPFIND", "/desk",         PAGE,      401),
    ("who sends a token wants no page",  STALE,        "GET",      "/",             TOKEN,     401),
    ("a socket has no page to show",     NOBODY_THERE, "GET",      "/live",         SOCKET,    401),
    ("signed in",                        ALICE,        "GET",      "/",             PAGE,      200),
    ("by a token with the scope",        CLIENT,       "PROPFIND", "/",             LIST,      200),
    ("by one without it",                NARROW,       "PROPFIND", "/",             CURL,      403),
    ("who awaits access",                WAITING,      "GET",      "/",             PAGE,      403),
    ("a public path, anonymous",         NOBODY_THERE, "GET",      "/status",       CURL,      200),
    ("below a public path",              NOBODY_THERE, "GET",      "/status/x",     CURL,      200),
    ("beside it",                        NOBODY_THERE, "GET",      "/statuses",     CURL,      401),
    ("a public path, a bad token",       STALE,        "GET",      "/status",       TOKEN,     200),
    ("public for a method",              NOBODY_THERE, "PUT",      "/inbox/a.pdf",  CURL,      200),
    ("and for no other",                 NOBODY_THERE, "GET",      "/inbox/a.pdf",  CURL,      401),
    ("closed to everybody",              ALICE,        "GET",      "/internal",     PAGE,      403),
    ("closed to strangers as well",      NOBODY_THERE, "GET",      "/internal",     PAGE,      403),
    ("another type of session",          ALICE,        "GET",      "/school",       PAGE,      403),
    ("the right one",                    PUPIL,        "GET",      "/school",       PAGE,      200),
    ("one of the groups",                ALICE,        "GET",      "/desk",         PAGE,      200),
    ("none of them",                     PUPIL,        "GET",      "/desk",         PAGE,      403),
    ("a fresh proof",                    ALICE,        "GET",      "/salaries",     PAGE,      200),
    ("an old one",                       YESTERDAY,    "GET",      "/salaries",     PAGE,      302),
    ("an old one, by a script",          YESTERDAY,    "GET",      "/salaries",     FETCH,     401),
    ("what nobody knows is not low",     ALICE,        "GET",      "/loans",        PAGE,      302),
    ("a weak one where that is enough",  WEAK,         "GET",      "/loans",        PAGE,      200),
    ("a stronger one is enough",         STRONGEST,    "GET",      "/loans",        PAGE,      200),
    ("too weak",                         WEAK,         "GET",      "/cases",        PAGE,      302),
    ("too weak, by a script",            WEAK,         "GET",      "/cases",        FETCH,     401),
    ("too weak, by a token",             WEAK_CLIENT,  "PROPFIND", "/cases",        CURL,      401),
    ("a form that is too weak",          WEAK,         "POST",     "/cases",        PAGE,      401),
    ("strong enough",                    STRONG,       "GET",      "/cases",        PAGE,      200),
    ("the strictest reading decides",    STRONG,       "GET",      "/cases;x",      PAGE,      302),
    ("strong, but long ago",             STRONG_ONCE,  "GET",      "/seal",         PAGE,      302),
    ("recent, but weak",                 WEAK,         "GET",      "/seal",         PAGE,      302),
    ("both",                             STRONG,       "GET",      "/seal",         PAGE,      200),
    ("a socket where one may be",        ALICE,        "GET",      "/live",         SOCKET,    200),
    ("a socket elsewhere",               ALICE,        "GET",      "/",             SOCKET,    403),
    ("h2c",                              ALICE,        "GET",      "/live",         H2C,       403),
    ("a preflight has no credentials",   NOBODY_THERE, "OPTIONS",  "/",             PREFLIGHT, 200),
    ("but for what is closed",           NOBODY_THERE, "OPTIONS",  "/internal",     PREFLIGHT, 403),
    ("OPTIONS is no preflight",          NOBODY_THERE, "OPTIONS",  "/",             CURL,      401),
    ("TRACE would show the headers",     ALICE,        "TRACE",    "/status",       CURL,      403),
    ("an unknown method is a method",    ALICE,        "BREW",     "/",             CURL,      200),
]  # fmt: skip

STATUS = {Allow: 200, SignIn: 302, Unauthorized: 401, Forbidden: 403}


def ask(
    who: Who = ALICE,
    method: str = "GET",
    path: str = "/",
    host: str = HOST,
    settings: Settings = SITE,
    rules: Rules = RULES,
    **headers: str,
) -> Decision:
    """Decide; what is moved or copied without a word on where to stays where it is."""
    url = f"https://{host}{path}"
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    sent = {"destination": url, **sent, "x-original-method": method, "x-original-url": url}
    return decide(who, forwarded.read(sent), rules, settings, NOW)


@pytest.mark.parametrize(
    ("who", "method", "path", "headers", "status"),
    [case[1:] for case in CASES],
    ids=[case[0] for case in CASES],
)
def test_the_table(who: Who, method: str, path: str, headers: dict[str, str], status: int) -> None:
    assert STATUS[type(ask(who, method, path, **headers))] == status


def test_an_application_learns_who_it_is() -> None:
    found = ask()
    assert isinstance(found, Allow)
    assert found.headers == {
        "Remote-User": "u1",
        "Remote-Name": "Alice %C3%85berg",
        "Remote-Email": "alice@example.org",
        "Remote-Groups": "Caseworkers,Staff%2C all",
        "X-Session-Type": "ldap",
        "X-Session-Source": "town",
    }
    assert not found.pass_token


def test_an_application_may_know_people_by_username_and_use_their_token() -> None:
    found = ask(path="/map")
    assert isinstance(found, Allow)
    assert (found.headers["Remote-User"], found.pass_token) == ("alice", True)


@pytest.mark.parametrize("who", [NOBODY_THERE, STALE, WAITING, NARROW])
def test_whoever_is_not_let_in_has_no_name_on_a_public_path(who: Who) -> None:
    found = ask(who, path="/status")
    assert isinstance(found, Allow)
    assert set(found.headers) == set(identity.NAMES)
    assert {value for value in found.headers.values() if value} == {"anonymous"}


def test_a_preflight_carries_nobody() -> None:
    found = ask(ALICE, "OPTIONS", **PREFLIGHT)
    assert isinstance(found, Allow)
    assert found.headers["Remote-User"] == ""


def test_a_preflight_is_let_in_where_what_it_asks_for_has_a_rule() -> None:
    rules = Rules([Rule("read", HOST, methods=frozenset({"GET"})), Rule("x", HOST, "/x")])
    wish = {"origin": "https://go.example.org", "access_control_request_method": "GET"}
    assert isinstance(ask(NOBODY_THERE, "OPTIONS", rules=rules, **wish), Allow)
    wish["access_control_request_method"] = "PUT"
    assert isinstance(ask(NOBODY_THERE, "OPTIONS", rules=rules, **wish), Forbidden)
    wish["access_control_request_method"] = "TRACE"
    assert isinstance(ask(NOBODY_THERE, "OPTIONS", "/x", rules=rules, **wish), Forbidden)


@pytest.mark.parametrize(
    ("path", "also"),
    [
        ("/", {"x_http_method_override": "PATCH"}),
        ("/", {"x_http_method": "patch"}),
        ("/", {"x_method_override": "OPTIONS,PATCH"}),
        ("/?_method=PATCH", {}),
        ("/?_method%00x=PATCH", {}),
        ("/", {"authorization": "Bearer x"}),
        ("/", {"cookie": "app=1"}),
        ("/", {"content_type": "application/json"}),
        ("/", {"content_length": "7"}),
        ("/", {"x_original_length": "7"}),
        ("/", {"x_original_length": "chunked"}),
        ("/", {"transfer_encoding": "chunked"}),
        ("/live", {"upgrade": "websocket"}),
        ("/live", {"sec_websocket_key": "dGhlIHNhbXBsZSBub25jZQ=="}),
    ],
)
def test_what_no_browser_asks_beforehand_is_no_preflight(path: str, also: dict[str, str]) -> None:
    """Fetch, 4.8: no credentials, no body, and no other method. Else anybody could write."""
    assert isinstance(ask(NOBODY_THERE, "OPTIONS", path, **PREFLIGHT, **also), Unauthorized)
    assert isinstance(ask(ALICE, "OPTIONS", path, **PREFLIGHT, **also), Allow)
    assert isinstance(ask(NOBODY_THERE, "OPTIONS", **PREFLIGHT, content_length="0"), Allow)


def test_a_browser_comes_back_to_where_it_was() -> None:
    found = ask(NOBODY_THERE, path="/a?b=c&d", **PAGE)
    assert isinstance(found, SignIn)
    wanted = "https%3A%2F%2Ffiles.example.org%2Fa%3Fb%3Dc%26d"
    assert found.location == f"https://login.example.org/login?next={wanted}"


def test_on_the_sites_own_host_it_comes_back_by_a_local_path() -> None:
    rules = Rules([Rule("own", "login.example.org")])
    found = ask(NOBODY_THERE, path="/files/", host="login.example.org", rules=rules, **PAGE)
    assert isinstance(found, SignIn)
    assert found.location == "https://login.example.org/login?next=%2Ffiles%2F"


def test_the_challenge_says_what_is_wrong_with_a_token_that_was_given() -> None:
    without, with_bad = ask(NOBODY_THERE, **CURL), ask(STALE, **TOKEN)
    assert isinstance(without, Unauthorized)
    assert isinstance(with_bad, Unauthorized)
    assert without.challenges[0].startswith("Bearer ")
    assert "/.well-known/oauth-protected-resource" in without.challenges[0]
    assert "error=" not in without.challenges[0]
    assert 'error="invalid_token"' in with_bad.challenges[0]


def test_basic_is_offered_only_where_it_is_taken_and_a_script_gets_no_challenge() -> None:
    taken = replace(SITE, basic=True)
    schemes = [each.split()[0] for each in ask(NOBODY_THERE, settings=taken).challenges]  # type: ignore[union-attr]
    assert schemes == ["Bearer", "Basic"]
    assert ask(NOBODY_THERE, settings=taken, **XHR).challenges == ()  # type: ignore[union-attr]
    form = {"method": "POST", "settings": taken, **PAGE}
    for found in (ask(NOBODY_THERE, settings=taken, **FETCH), ask(NOBODY_THERE, **form)):  # type: ignore[arg-type]
        assert [each.split()[0] for each in found.challenges] == ["Bearer"]  # type: ignore[union-attr]


def test_where_the_sites_cookie_does_not_arrive_the_way_begins_at_the_host_itself() -> None:
    alone = replace(SITE, domain="")
    found = ask(NOBODY_THERE, path="/a?b=c&d", settings=alone, **PAGE)
    assert isinstance(found, SignIn)
    assert found.location == f"https://{HOST}/.vestibule/start?rd=%2Fa%3Fb%3Dc%26d"


@pytest.mark.parametrize(
    ("host", "domain", "arrives_there"),
    [
        ("login.example.org", "", True),
        ("files.example.org", "", False),
        ("files.example.org", "example.org", True),
        ("example.org", "example.org", True),
        ("a.files.example.org", "example.org", True),
        ("badexample.org", "example.org", False),
        ("example.org.evil.example", "example.org", False),
        ("files.example.net", "example.org", False),
    ],
)
def test_6265_where_a_cookie_arrives(host: str, domain: str, arrives_there: bool) -> None:
    assert arrives(host, "login.example.org", domain) is arrives_there


@pytest.mark.parametrize(
    ("host", "site", "upstream", "must"),
    [
        ("go.town.example", "go.town.example", "town.example", True),
        ("town.example", "go.town.example", "town.example", True),
        ("files.town.example", "go.town.example", "www.town.example", True),
        ("town.example.org", "go.town.example", "town.example", False),
        ("files.mytown.example", "go.town.example", "town.example", False),
        ("files.town.example", "town.example", "town.example", False),  # it may be the host's alone
        ("files.example", "go.example", "town.example", False),
        ("files.example", "go.example", "", False),
    ],
)
def test_6265_where_a_cookie_of_the_upstreams_must_arrive(
    host: str, site: str, upstream: str, must: bool
) -> None:
    assert reaches(host, site, upstream) is must


def test_a_step_up_names_itself() -> None:
    again, challenged = ask(YESTERDAY, path="/salaries", **PAGE), ask(YESTERDAY, path="/salaries")
    assert isinstance(again, SignIn)
    assert again.location.endswith("&again=1")
    assert isinstance(challenged, Unauthorized)
    assert 'error="insufficient_user_authentication", max_age="600"' in challenged.challenges[0]


def test_a_stronger_sign_in_is_asked_for_by_its_word() -> None:
    again, challenged = ask(WEAK, path="/seal", **PAGE), ask(WEAK, path="/seal")
    assert isinstance(again, SignIn)
    assert again.location.endswith("&again=1&strength=substantial")
    assert isinstance(challenged, Unauthorized)
    (said,) = challenged.challenges
    assert 'insufficient_user_authentication", acr_values="substantial", max_age="600"' in said
    stranger = ask(NOBODY_THERE, path="/seal", **PAGE)
    assert isinstance(stranger, SignIn)
    assert stranger.location.endswith("%2Fseal&strength=substantial"), "one sign-in is enough"


def test_a_sign_in_that_is_old_is_made_anew_as_strongly() -> None:
    again, challenged = ask(STRONG_ONCE, path="/seal", **PAGE), ask(STRONG_ONCE, path="/seal")
    assert isinstance(again, SignIn)
    assert again.location.endswith("&again=1&strength=substantial")
    assert isinstance(challenged, Unauthorized)
    assert 'acr_values="substantial", max_age="600"' in challenged.challenges[0]
    assert "A more recent sign-in is needed." in challenged.challenges[0]


def test_who_meets_two_rules_brings_enough_for_both_at_once() -> None:
    found = ask(replace(WEAK, session=YESTERDAY.session), path="/cases;x")
    assert isinstance(found, Unauthorized)
    assert 'acr_values="high", max_age="300"' in found.challenges[0]


def test_a_missing_scope_is_named() -> None:
    found = ask(NARROW)
    assert isinstance(found, Forbidden)
    assert 'scope="gateway"' in found.challenges[0]


def test_only_the_cookies_that_came_expire_and_nginx_takes_one_at_a_time() -> None:
    both = "app=1; cart=2; other=3"
    found = ask(NOBODY_THERE, cookie=both, **PAGE)
    one = ask(NOBODY_THERE, cookie=both, settings=replace(SITE, redirect_as_401=True))
    assert [each.name for each in found.expires] == ["app", "cart"]  # type: ignore[union-attr]
    assert [each.name for each in one.expires] == ["app"]  # type: ignore[union-attr]
    assert ask(NOBODY_THERE, cookie="other=3").expires == ()  # type: ignore[union-attr]


def test_a_host_without_a_rule_is_closed() -> None:
    assert ask(host="other.example.org") == Forbidden("no-rule")
    assert ask(host="wiki.example.org") == Forbidden("no-rule")
    assert isinstance(ask(host="a.b.wiki.example.org"), Allow)
    assert isinstance(ask(host="A.Wiki.Example.Org.:8443"), Allow)


# --- Which request is asked about ---------------------------------------------------------------

XFORWARDED = {
    "x-forwarded-method": "PROPFIND",
    "x-forwarded-proto": "https",
    "x-forwarded-host": HOST,
    "x-forwarded-uri": "/a%20b?c=d",
}
ORIGINAL = {"x-original-method": "PROPFIND", "x-original-url": f"https://{HOST}/a%20b?c=d"}


def test_two_forms_say_the_same() -> None:
    assert forwarded.read(XFORWARDED) == forwarded.read(ORIGINAL)
    assert forwarded.read({**XFORWARDED, **ORIGINAL}) == forwarded.read(ORIGINAL)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        *({k: v for k, v in XFORWARDED.items() if k != name} for name in XFORWARDED),
        *({k: v for k, v in ORIGINAL.items() if k != name} for name in ORIGINAL),
        {**ORIGINAL, "x-forwarded-uri": "/public"},
        {**ORIGINAL, **XFORWARDED, "x-forwarded-uri": "/public"},
        {**ORIGINAL, "x-forwarded-method": "GET"},
        {**ORIGINAL, "x-forwarded-host": "public.example.org"},
        {**ORIGINAL, "x-forwarded-proto": "http"},
        {**XFORWARDED, "connection": "close, Remote-User"},
        {**XFORWARDED, "connection": "X-Forwarded-Uri"},
        {**ORIGINAL, "connection": "Cookie"},
        {**XFORWARDED, "x-forwarded-method": "get"},
        {**XFORWARDED, "x-forwarded-method": "GET,PUT"},
        {**XFORWARDED, "x-forwarded-proto": "ftp"},
        {**XFORWARDED, "x-forwarded-host": "files.example.org,evil.example"},
        {**XFORWARDED, "x-forwarded-host": "evil@files.example.org"},
        {**XFORWARDED, "x-forwarded-host": "files..example.org"},
        {**XFORWARDED, "x-forwarded-uri": "https://files.example.org/public"},
        {**XFORWARDED, "x-forwarded-uri": "*"},
        {**XFORWARDED, "x-forwarded-uri": "/a#b"},
        {**XFORWARDED, "x-forwarded-uri": "/a b"},
        {**XFORWARDED, "x-forwarded-uri": "/a\tb"},
        {**XFORWARDED, "x-forwarded-uri": "/æ"},
        {**XFORWARDED, "x-forwarded-uri": "/a%0ab"},
        {**XFORWARDED, "x-forwarded-uri": "/a%00"},
        {**XFORWARDED, "x-forwarded-uri": "/a%2500"},
        {**XFORWARDED, "x-forwarded-uri": "/%c0%af"},
        {**XFORWARDED, "x-forwarded-uri": "/%zz"},
        {**XFORWARDED, "x-forwarded-uri": "/" + "a" * 9000},
        {**XFORWARDED, "x-forwarded-uri": "/%25252525252541"},
    ],
)
def test_what_is_missing_contradicts_itself_or_cannot_be_read_is_refused(
    headers: dict[str, str],
) -> None:
    with pytest.raises(InvalidRequest):
        forwarded.read(headers)


OPEN = Rules(
    [
        Rule("open", HOST, "/public", access=PUBLIC),
        Rule("closed", HOST, "/private"),
        Rule("rest", HOST, access=PUBLIC),
    ]
)


@pytest.mark.parametrize(
    "path",
    [
        "/private",
        "/private/",
        "/private/x",
        "//private",
        "/./private",
        "/public/../private",
        "/private/../public",
        "/public/%2e%2e/private",
        "/public/..%2fprivate",
        "/public/..%252fprivate",
        "/public%5c..%5cprivate",
        "/%70rivate",
        "/%2570rivate",
        "/PRIVATE",
        "/Private/x",
        "/private;x=1",
        "/private;x/y",
        "/x;/../private",
        "/private%2f",
        "/private%2Fx",
        "/private.json",
        "/private.",
        "/private%20",
        "/%ef%bd%90rivate",
        "/private?x",
        "/private%3f/../public",
        "/private%3Fx",
        "/private%2523",
        "/public/..;/private",
        # Parameters go before the escapes are opened, or in between (Tomcat, Jetty).
        "/;%2fx/private",
        "/;%3fx/private",
        "/;%252fx/private",
        "/;x%2f..%2fpublic/private",
        "/x/..;/private/y%2f..%2f..%2fpublic",
        "/x/../private;y/../../public",
        # So does what follows an opened `?` or `#`, each alone.
        "/x%23/../private%3f/../../public",
        # An empty segment is one as well (RFC 3986, 5.2.4), or what follows is a host.
        "/x/../private//../y",
        "//x/private",
        "/%2fx/private",
        "/%5cx/private",
        "/public/..%20/private",
        # By its letters, as a database compares (MySQL, SQL Server), or by a slug (WordPress).
        "/pr%C3%ADvate",
        "/pri%CC%81vate/x",
        "/pr%C4%B1vate",
        "/pri%C2%ADvate",
        "/pri%E2%80%8Bvate",
        "/pri'vate",
        "/public/../private!",
        "/-private-",
        "/%E2%80%93private",
    ],
)
def test_h07_no_trick_with_a_path_leads_round_a_rule(path: str) -> None:
    assert isinstance(ask(NOBODY_THERE, path=path, rules=OPEN, **CURL), Unauthorized)
    assert isinstance(ask(ALICE, path=path, rules=OPEN, **CURL), Allow)


@pytest.mark.parametrize("path", ["/public/a%2Fb", "/public/%C3%A6ble.txt", "/a%20b/c.d", "/x;y/z"])
def test_an_unusual_path_is_no_trick(path: str) -> None:
    assert isinstance(ask(NOBODY_THERE, path=path, rules=OPEN, **CURL), Allow)


@pytest.mark.parametrize(
    ("closed", "path"),
    [
        ("/my files", "/my+files"),
        ("/my+files", "/my%20files"),
        ("/my+files.d", "/my+files.d/x"),
        ("/my files", "/my%2Bfiles/x"),
        ("/my files", "/my-files"),
        ("/my-files", "/my%20files"),
        ("/my-files", "/my--files"),
        ("/børn", "/born"),
        ("/børn", "/boern"),
        ("/born", "/b%C3%B8rn"),
        ("/boern", "/b%C3%B8rn"),
        ("/raadhus", "/r%C3%A5dhus"),
        ("/strasse", "/Stra%C3%9Fe"),
        ("/aemter", "/%C3%84mter"),
        ("/amter", "/%C3%84mter"),
        ("/aeldre", "/%C3%A6ldre"),
        ("/~alice", "/alice"),
        ("/alice", "/~alice"),
    ],
)
def test_h07_a_name_is_judged_as_others_write_it(closed: str, path: str) -> None:
    rules = Rules([Rule("closed", HOST, closed), Rule("rest", HOST, access=PUBLIC)])
    assert isinstance(ask(NOBODY_THERE, path=path, rules=rules, **CURL), Unauthorized)
    alone = Rules([Rule("all", HOST, closed)])
    assert isinstance(ask(ALICE, path=quote(f"{closed}/æ+b"), rules=alone, **CURL), Allow)


@pytest.mark.parametrize("named", ["/~", "/$", "/a/!"])
def test_a_name_of_signs_alone_stands_for_itself(named: str) -> None:
    """Without them it would be the folder above, and close or open all of that."""
    rules = Rules([Rule("signs", HOST, named), Rule("rest", HOST, access=PUBLIC)])
    assert isinstance(ask(NOBODY_THERE, path=named, rules=rules, **CURL), Unauthorized)
    for path in ("/", "/a", "/a/b", "/!"):
        assert isinstance(ask(NOBODY_THERE, path=path, rules=rules, **CURL), Allow)


@pytest.mark.parametrize(
    "path",
    [
        *("/remote.php/dav", "/remote.php/dav/Files/a.txt", "/API/v1.2"),
        *(
            "/c++",
            "/c++/+/x+",
            "/c%2B%2B/a",
            "/%C3%85se's-fil+!",
            "/%C3%85se's-fil+!/-x-",
            "/git/+/main",
        ),
    ],
)
def test_a_rule_may_have_dots_capitals_and_signs_itself(path: str) -> None:
    named = ("/remote.php/dav", "/API/v1.2", "/c++", "/Åse's-fil+!", "/git/+")
    rules = Rules([Rule(each, HOST, each) for each in named])
    assert isinstance(ask(path=path, rules=rules), Allow)
    assert ask(path="/other", rules=rules) == Forbidden("no-rule")


@pytest.mark.parametrize("method", ["MOVE", "COPY"])
@pytest.mark.parametrize(
    "there",
    [
        f"https://{HOST}/private/a",
        "https://elsewhere.example/private/a",
        "/private",
        "/public/%2e%2e/private",
        "/public/a,/private/a",
        f"/public/a, https://{HOST}/private/a",
    ],
)
def test_what_is_written_to_is_judged_as_well(method: str, there: str) -> None:
    """RFC 4918, 9.8.3: `Destination` is a second path of the request."""
    assert isinstance(
        ask(NOBODY_THERE, method, "/public/a", rules=OPEN, destination=there), Unauthorized
    )
    assert isinstance(ask(NOBODY_THERE, "GET", "/public/a", rules=OPEN, destination=there), Allow)
    elsewhere = {"rules": OPEN, "destination": f"https://{HOST}/public/a,b/c"}
    assert isinstance(ask(NOBODY_THERE, method, "/public/a", **elsewhere), Allow)


@pytest.mark.parametrize("there", ["", "x", "https://", f"https://{HOST}", "/a\x00", "/%zz"])
def test_a_destination_that_cannot_be_read_is_refused(there: str) -> None:
    with pytest.raises(InvalidRequest):
        ask(ALICE, "MOVE", "/public/a", rules=OPEN, destination=there)


@pytest.mark.parametrize(
    "there",
    [
        f"//{HOST}:443/private/a",
        f"///{HOST}/private/a",
        f"/%2f{HOST}/private/a",
        f"/%252F{HOST}/private/a",
        f"/%5c{HOST}/private/a",
        f"/.//{HOST}/private/a",
        f"/;x/{HOST}/private/a",
        f"/%ef%bc%8f{HOST}/private/a",
        f"/public/a, //{HOST}/private/a",
        f"https://{HOST}\\private/a",
        f"https://x@{HOST}/private/a",
        "https:///private/a",
        "/public/a" + ",/public/a" * 4,
    ],
)
def test_a_destination_with_a_host_and_no_scheme_is_refused(there: str) -> None:
    """RFC 4918, 10.3, and RFC 3986, 4.2: some take the path behind the host, others all of it."""
    with pytest.raises(InvalidRequest, match=r"Destination|host"):
        ask(ALICE, "MOVE", "/public/a", rules=OPEN, destination=there)


def test_a_preflight_does_not_say_where_something_is_moved() -> None:
    asks = {"origin": "https://go.example.org", "access_control_request_method": "MOVE"}
    assert isinstance(ask(NOBODY_THERE, "OPTIONS", "/public/a", rules=OPEN, **asks), Allow)


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("destination", "MOVE"), ("x-http-method-override", "GET"), ("x-forwarded-host", "GET"),
        ("sec-websocket-key", "GET"), ("depth", "COPY"), ("authorization", "GET"),
        ("connection", "GET"), ("cookie", "OPTIONS"), ("content-type", "OPTIONS"),
    ],
)  # fmt: skip
def test_what_has_a_say_and_cannot_be_read_is_refused(name: str, method: str) -> None:
    """docs/decisions/0007-rsgi.md: of a value that is not ASCII only the name is known."""
    sent = {**ORIGINAL, "x-original-method": method, "destination": "/b"}
    with pytest.raises(InvalidRequest, match=name):
        forwarded.read(sent, {name})
    forwarded.read({**sent, "x-original-method": "GET"}, {"content-type", "cf-ipcity"})


def test_the_query_of_a_destination_may_be_a_part_of_its_path() -> None:
    there = f"https://{HOST}/public/a?/../../private"
    moved = ask(NOBODY_THERE, "MOVE", "/public/a", rules=OPEN, destination=there)
    assert isinstance(moved, Unauthorized)


def test_a_websocket_is_known_by_its_key_too() -> None:
    """RFC 6455, 4.1. Traefik takes `Upgrade` away before it asks."""
    key = {"sec_websocket_key": "dGhlIHNhbXBsZSBub25jZQ=="}
    assert isinstance(ask(ALICE, path="/live", **key), Allow)
    assert isinstance(ask(ALICE, path="/", **key), Forbidden)


def test_a_method_that_an_application_may_take_instead_is_judged_too() -> None:
    rules = Rules([Rule("read", HOST, methods=frozenset({"GET"}), access=PUBLIC), Rule("r", HOST)])
    assert isinstance(ask(NOBODY_THERE, rules=rules), Allow)
    assert isinstance(ask(NOBODY_THERE, "HEAD", rules=rules), Allow)
    for name in ("x_http_method_override", "x_http_method", "x_method_override"):
        assert isinstance(ask(NOBODY_THERE, rules=rules, **{name: "delete"}), Unauthorized)
        named = {name: "GET,delete"}  # a header that came twice
        assert isinstance(ask(NOBODY_THERE, rules=rules, **named), Unauthorized)


@pytest.mark.parametrize(
    "query",
    ["_method=delete", "a=b&%5Fmethod=DELETE", "a;_METHOD=put", "+_method=DELETE", ".method=DELETE",
     "_HttpMethod=PATCH", "X-HTTP-Method-Override=DELETE", "_method=GET&_method=DELETE"],
)  # fmt: skip
def test_so_is_one_that_the_query_names(query: str) -> None:
    rules = Rules([Rule("read", HOST, methods=frozenset({"GET"}), access=PUBLIC), Rule("r", HOST)])
    assert isinstance(ask(NOBODY_THERE, path=f"/?{query}", rules=rules), Unauthorized)
    for usual in ("method=delete", "payment_method=card", "_method=", "_methods=x", "_method=get"):
        assert isinstance(ask(NOBODY_THERE, path=f"/?{usual}", rules=rules), Allow)


def test_a_request_names_so_many_methods_at_most() -> None:
    with pytest.raises(InvalidRequest):
        ask(ALICE, x_http_method="A,B,C,D")


@pytest.mark.parametrize(
    ("text", "encoded"),
    [
        ("Alice", "Alice"),
        ("Åse", "%C3%85se"),
        ("a\r\nX-Admin: 1", "a%0D%0AX-Admin: 1"),
        ("\0", "%00"),
        ("100%", "100%25"),
        (" a ", "%20a%20"),
        ("\ud800", "?"),
    ],
)
def test_a_header_holds_any_text_and_no_second_line(text: str, encoded: str) -> None:
    assert identity.encoded(text) == encoded


def test_groups_beyond_the_room_for_them_are_left_out_whole() -> None:
    session = replace(SESSION, name="")
    sent = identity.headers(session, "u", "", [f"group-{number:04}" for number in range(1000)])
    names = sent["Remote-Groups"].split(",")
    assert 100 < len(names) < 300
    assert all(len(name) == 10 for name in names)
