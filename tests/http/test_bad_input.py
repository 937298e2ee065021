"""Bad input: docs/contract.md 8; attacks E05, E10, H01, H02, H08, I03, I05, I06, I08 and U11."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import Event, Source, StoredSession, User
from tests.http.conftest import PASSWORD, sign_in

pytestmark = pytest.mark.django_db(transaction=True)
OPEN_PAGES = ("/", "/login", "/auth/session", "/auth/sources", "/login/forgotten")


@pytest.fixture
def anyone(person: User) -> Client:
    return Client(raise_request_exception=False)


@pytest.mark.parametrize("query", ["?next=%00", "?a=%00b", "?state=%00&code=x"])
def test_nul_is_refused(anyone: Client, query: str) -> None:
    for route in ("/login", "/auth/callback/local", "/auth/login/local"):
        assert anyone.get(route + query).status_code == 400


def test_a_route_that_answers_json_refuses_in_json(anyone: Client) -> None:
    for route in ("/auth/session", "/auth/sources", "/session/login"):
        assert anyone.get(f"{route}?a=%00").json()["error"] == "invalid_request"


def test_what_pages_fetch_and_a_foreign_host_are_refused_by_a_page(person: User) -> None:
    fetched, strict = "/login/passkey/options", Client(enforce_csrf_checks=True)
    foreign = {"Host": "elsewhere.example"}
    for ask, status in (
        (lambda **more: strict.post(fetched, headers=more), 403),
        (lambda **more: strict.get("/auth/session", headers={**foreign, **more}), 400),
    ):
        page, told = ask(), ask(Accept="application/json")
        assert (page.status_code, told.status_code) == (status, status)
        assert page["Content-Type"].startswith("text/html")
        assert told.json().keys() == {"error", "error_description"}
    other = strict.get(fetched)
    assert (other.status_code, other["Allow"], other.content) == (405, "POST", b"")


@pytest.mark.parametrize(
    "query",
    [
        "?next=%ff%fe",
        "?next=%c0%af",
        "?next=%ed%a0%80",
        "?state=%ff",
        "?" + "a=1&" * 90,
        "?=",
        "?&&",
    ],
)
def test_malformed_queries_never_break_a_page(anyone: Client, query: str) -> None:
    for route in (*OPEN_PAGES, "/auth/callback/local", "/auth/login/local", "/auth/logout/done"):
        assert anyone.get(route + query).status_code < 500


def test_ten_thousand_fields_and_huge_bodies_are_refused(anyone: Client) -> None:
    kind, fields = "application/x-www-form-urlencoded", "&".join(f"f{i}=x" for i in range(10_000))
    many = anyone.post("/auth/login/local", fields, content_type=kind)
    assert many.status_code == 400
    file = SimpleUploadedFile("many.csv", b"x" * 300_000)
    huge = anyone.post("/auth/login/local", {"username": "alice", "file": file})
    assert huge.status_code == 413
    huge = anyone.post("/auth/login/local", {"username": "alice", "password": "x" * 1_000_000})
    assert (huge.status_code, "What you sent is too large" in huge.content.decode()) == (413, True)
    assert not StoredSession.objects.exists()


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("alice", ""), ("", ""), ("", "x"), ("alice\0", "x"), ("alice", "\0"), ("a" * 200_000, "x"),
        ("alice", "x" * 100_000), ("\ud800", "x"), ("alice'--", "' OR '1'='1"), ("{{7*7}}", "x"),
    ],
)  # fmt: skip
def test_wrong_forms_are_answered_and_change_nothing(
    anyone: Client, username: str, password: str
) -> None:
    body = f"username={_quoted(username)}&password={_quoted(password)}"
    response = anyone.post(
        "/auth/login/local", body, content_type="application/x-www-form-urlencoded"
    )
    assert response.status_code in {400, 413}
    assert not StoredSession.objects.exists()
    assert Event.objects.count() <= 1


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data", ""])
def test_other_content_types_sign_nobody_in(anyone: Client, kind: str) -> None:
    body = '{"username": "alice", "password": "correct horse battery staple"}'
    assert anyone.post("/auth/login/local", body, content_type=kind).status_code in {400, 415}
    assert not StoredSession.objects.exists()


def test_extra_fields_give_nothing(anyone: Client, person: User) -> None:
    form = {
        "username": "alice",
        "password": "correct horse battery staple",
        "is_staff": "1",
        "status": "active",
        "type": "unilogin",
    }
    anyone.post("/auth/login/local", form)
    person.refresh_from_db()
    assert not person.is_staff
    assert StoredSession.objects.get().type == "local"


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "a b", "[::1", ""])
def test_a_foreign_host_is_refused(anyone: Client, host: str) -> None:
    assert anyone.get("/login", headers={"Host": host}).status_code == 400


def test_forwarded_hosts_count_for_nothing(anyone: Client) -> None:
    headers = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    page = anyone.get("/auth/sources", headers=headers)
    assert "evil.example" not in page.content.decode()


@pytest.mark.parametrize("route", OPEN_PAGES)
def test_unknown_methods_are_refused(anyone: Client, route: str) -> None:
    for method in ("PROPFIND", "TRACE", "BREW", "PUT"):
        assert anyone.generic(method, route).status_code == 405


def test_an_unknown_page_has_a_face_and_a_code(anyone: Client) -> None:
    page = anyone.get("/nowhere", headers={"Accept": "text/html"})
    assert page.status_code == 404
    data = anyone.get("/nowhere", headers={"Accept": "application/json"})
    assert data.json()["error"] == "invalid_request"


@pytest.mark.parametrize("code", ["NONE-NONE", "x" * 3000, "%3Cscript%3E", "' OR 1=1"])
def test_a_made_up_support_code_is_404(anyone: Client, code: str) -> None:
    assert anyone.get(f"/login/failed/{code}").status_code == 404


def test_names_are_escaped(anyone: Client, person: User) -> None:
    person.name = "<svg onload=alert(1)>{{7*7}}"
    person.save()
    sign_in(anyone)
    for route in ("/", "/account/"):
        page = anyone.get(route).content.decode()
        assert "<svg onload" not in page
        assert "49" not in page.split("{{7*7}}")[0][-40:]


def test_csrf_failures_have_a_sentence(person: User) -> None:
    strict = Client(enforce_csrf_checks=True)
    sign_in(anyone := Client())
    strict.cookies["vestibule"] = anyone.cookies["vestibule"].value
    for headers in ({}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        response = strict.post("/auth/logout", headers={"Accept": "text/html", **headers})
        assert response.status_code == 403
    data = strict.post("/auth/logout", headers={"Accept": "application/json"})
    assert data.json()["error"] == "access_denied"
    assert StoredSession.objects.count() == 1


def test_a_script_that_is_refused_reads_why_and_what_to_do(person: User) -> None:
    """A support code alone says nothing to whoever writes a front end."""
    strict = Client(enforce_csrf_checks=True, headers={"Accept": "application/json"})
    sign_in(anyone := Client())
    strict.cookies["vestibule"] = anyone.cookies["vestibule"].value
    for leave in ("/auth/logout", "/session/logout"):
        said = strict.post(leave).json()["error_description"]
        assert said.startswith("X-CSRFToken is missing or old: each answer to a GET")
        said = strict.post(leave, headers={"Origin": "https://evil.example"}).json()
        assert "of an origin that is not configured here." in said["error_description"]
    given = strict.get("/auth/session").headers["X-CSRFToken"]
    assert strict.post("/session/logout", headers={"X-CSRFToken": given}).status_code == 200
    missing = strict.get("/oauth/token/").json()["error_description"]
    assert missing.startswith("There is nothing at this address. Support code ")


def test_sixty_cookies_are_no_trouble(anyone: Client) -> None:
    cookie = "; ".join(f"c{i}={'x' * 100}" for i in range(60))
    assert anyone.get("/login", headers={"Cookie": cookie}).status_code == 200


def test_a_cookie_whose_name_no_answer_can_have_is_no_trouble(
    anyone: Client, tenant: Callable[..., Source]
) -> None:
    tenant()
    for name in ("vf-(", "vf-@", 'vf-"'):
        begun = anyone.get("/auth/login/town", {"shared": "1"}, headers={"Cookie": f"{name}=x"})
        assert begun.status_code == 302


@pytest.mark.parametrize("route", ["/", "/login", "/auth/session", "/login/forgotten", "/nowhere"])
def test_x11_e15_every_answer_carries_the_headers(anyone: Client, route: str) -> None:
    response: Any = anyone.get(route)
    policy = response["Content-Security-Policy"]
    assert "unsafe" not in policy
    for directive in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"):
        assert directive in policy
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in response["Permissions-Policy"]
    assert response["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("method", "route"),
    [
        ("GET", "/account/"), ("GET", "/account"), ("GET", "/admin/"), ("GET", "/device/allowed"),
        ("GET", "/gateway/start"), ("GET", "/favicon.ico"), ("GET", "/i18n/setlang/"),
        ("GET", "/auth/logout/again"), ("OPTIONS", "/login"), ("HEAD", "/auth/login/local"),
        ("GET", "/.vestibule/start"), ("GET", "/.vestibule/nowhere"), ("POST", "/.vestibule/start"),
    ],
)  # fmt: skip
def test_no_cache_keeps_a_redirect_or_a_refusal(anyone: Client, method: str, route: str) -> None:
    """RFC 9111, 4.2.2: a 404 and a 405 may be kept where nothing is said."""
    response: Any = anyone.generic(method, route)
    assert response.status_code in {302, 404, 405}
    assert response["Cache-Control"] == "no-store"


def test_cookies_carry_their_flags(anyone: Client) -> None:
    response = sign_in(anyone)
    cookie = response.cookies["vestibule"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == "/"
    assert not cookie["domain"]
    assert not cookie["max-age"]


@pytest.mark.parametrize(
    "path", ["/logout", "/account", "/admin", "/api/schema", "/admin/accounts", "/admin/login"]
)
def test_no_redirect_is_kept_by_a_browser_for_ever(path: str, person: User) -> None:
    client = Client()
    person.is_staff = person.is_superuser = True
    person.save()
    sign_in(client)
    answer = client.get(path)
    assert answer.status_code == 302, answer.headers
    assert answer["Location"] == f"{path}/"


@pytest.mark.parametrize("path", ["/login", "/auth/session", "/account/"])
def test_the_way_to_https_is_kept_by_no_browser_either(path: str, settings: Any) -> None:
    """A site whose proxy is not trusted yet takes https for http, until somebody mends that."""
    settings.SECURE_SSL_REDIRECT = True
    answer = Client().get(path)
    assert answer.status_code == 302
    assert answer["Location"] == f"https://testserver{path}"
    assert answer["Cache-Control"] == "no-store"


def test_an_unknown_name_is_ignored_however_often_it_comes(anyone: Client) -> None:
    form = f"username=alice&password={PASSWORD.replace(' ', '+')}&trace=1&trace=2"
    kind = "application/x-www-form-urlencoded"
    assert anyone.post("/session/login", form, content_type=kind).status_code == 200
    told = f'{{"username": "alice", "password": "{PASSWORD}", "trace": 1, "trace": 2}}'
    assert anyone.post("/session/login", told, content_type="application/json").status_code == 200
    twice = f"{form}&username=alice"
    assert anyone.post("/session/login", twice, content_type=kind).status_code == 400


@pytest.mark.parametrize("slug", ["b%C3%A5d", "a.b", "a%20b", "x" * 300, "%3Cscript%3E"])
def test_a_malformed_slug_on_a_json_route_is_answered_in_json(anyone: Client, slug: str) -> None:
    answer = anyone.get(f"/openid/{slug}/tokens?identifier=x", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert answer.json()["error"] == "invalid_grant"
