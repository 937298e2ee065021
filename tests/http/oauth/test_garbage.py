"""Garbage at every endpoint: the codes of the RFCs, no 500, nothing sent to an address that was not
registered (docs/contract.md 8).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from django.test import Client as Browser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.errors import ProtocolError
from portal.authorization_server import asked, assertions, clients
from portal.authorization_server.models import Client
from portal.authorization_server.wire import Parameters, read
from tests.http.oauth.application import CALLBACK, FORM, Application, register

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]
CODES = {
    "invalid_request", "invalid_client", "invalid_grant", "invalid_scope", "invalid_target",
    "unauthorized_client", "unsupported_grant_type", "unsupported_response_type", "access_denied",
    "request_not_supported", "request_uri_not_supported", "login_required", "consent_required",
    "expired_token", "authorization_pending", "slow_down", "unmet_authentication_requirements",
}  # fmt: skip
GARBAGE = [
    "", " ", "x", "\0", "%00", "\r\nX: y", "\u202e", "é", "\ufffd", "' OR 1=1--", "{{7*7}}",
    "<svg>",
    "openid\0", "a" * 5000, "-1", "1e308", "[]", "{}", "null", "javascript:alert(1)",
    "//evil.example",
    "https://evil.example/", "openid openid", "\u0967",
]  # fmt: skip
PARAMETERS = (
    "response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge",
    "code_challenge_method", "response_mode", "prompt", "max_age", "claims", "resource",
    "login_hint", "id_token_hint", "ui_locales", "acr_values", "request", "request_uri",
    "vestibule_asked",
)  # fmt: skip
POSTED = {
    "/oauth/token": (
        "grant_type", "code", "code_verifier", "redirect_uri", "refresh_token", "device_code",
        "scope", "resource", "client_id", "client_secret", "client_assertion",
        "client_assertion_type",
    ),
    "/oauth/par": PARAMETERS,
    "/oauth/introspect": ("token", "token_type_hint", "client_id", "client_secret"),
    "/oauth/revoke": ("token", "token_type_hint", "client_id"),
    "/oauth/device_authorization": ("client_id", "scope", "resource"),
    "/oauth/consent": ("request", "decision"),
    "/device": ("user_code", "decision"),
}  # fmt: skip


def tried(read: Callable[[], Any]) -> tuple[Any, str]:
    """Return what a reader finds, or the code of its refusal; any other error breaks the test."""
    try:
        return read(), ""
    except ProtocolError as refusal:
        return None, refusal.error


@pytest.mark.parametrize("name", PARAMETERS)
def test_garbage_in_an_authorization_request(app: Application, name: str) -> None:
    for value in GARBAGE:
        for times in (1, 2):
            fields = app.request(**{name: None})
            query = urlencode([*fields.items(), *[(name, value)] * times])
            answer = app.browser.get(f"/oauth/authorize?{query}")
            assert answer.status_code in {200, 302, 303, 400}, (name, value)
            url = answer.get("Location", "")
            if url and not url.startswith("/"):
                assert url.startswith(f"{CALLBACK}?"), (name, value)
                assert set(app.answer(answer).get("error", "code").split()) <= {*CODES, "code"}


@pytest.mark.parametrize("path", POSTED)
def test_garbage_in_a_form(app: Application, path: str) -> None:
    for name in POSTED[path]:
        for value in GARBAGE:
            known: dict[str, Any] = {"client_id": "app", "grant_type": "authorization_code"}
            for grant in ("authorization_code", "refresh_token", app.client.GRANT_DEVICE_CODE):
                fields = {**known, "grant_type": grant, name: value}
                browser = app.browser if path in {"/device", "/oauth/consent"} else app.back
                answer = browser.post(path, urlencode(fields), content_type=FORM)
                assert answer.status_code in {200, 201, 303, 400, 401, 403, 429}, (name, value)
                if "json" in answer["Content-Type"] and answer.status_code >= 400:
                    assert answer.json()["error"] in {*CODES, "too_many_requests"}
                    assert answer["Cache-Control"] == "no-store"
                if path != "/oauth/token":
                    break


@pytest.mark.parametrize("path", [*POSTED, "/oauth/userinfo", "/oauth/logout", "/oauth/authorize"])
def test_other_methods_and_bodies(client: Browser, house: None, path: str) -> None:
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "HEAD", "OPTIONS"):
        assert client.generic(method, path).status_code in {200, 204, 303, 400, 401, 404, 405}
    for kind in ("application/json", "text/plain", "multipart/form-data; boundary=x", ""):
        answer = client.post(path, b'{"a": 1}', content_type=kind or "x")
        assert answer.status_code in {200, 303, 400, 401, 403, 415}, (kind, answer.content)
    huge = client.post(path, "a=" + "x" * 300_000, content_type=FORM)
    assert huge.status_code in {400, 401, 413}
    many = client.post(path, "&".join(f"a{n}=1" for n in range(2000)), content_type=FORM)
    assert many.status_code in {400, 401}


@given(st.dictionaries(st.sampled_from(PARAMETERS), st.text(max_size=60), max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_authorization_request_breaks_its_reader(fields: dict[str, str]) -> None:
    client = Client(client_id="x", redirect_uris=CALLBACK)
    base = {"response_type": "code", "code_challenge_method": "S256", "code_challenge": "x" * 43}
    found, code = tried(lambda: asked.read(client, Parameters({**base, **fields}), CALLBACK))
    assert found is not None or code in CODES
    if found is not None:
        assert set(found.scopes) <= set(client.allowed_scopes.split())
        assert found.redirect_uri == CALLBACK


@given(
    st.text(max_size=200),
    st.dictionaries(
        st.sampled_from(
            ["client_id", "client_secret", "client_assertion", "client_assertion_type"]
        ),
        st.text(),
    ),
)
def test_no_credentials_break_their_reader(header: str, form: dict[str, str]) -> None:
    for shown in (header, f"Basic {header}"):
        found, code = tried(lambda shown=shown: clients.shown(shown, form))
        assert code in {"", "invalid_request", "invalid_client"}
        assert found is None or "secret" not in repr(found).replace("client_secret_", "")


@given(st.text(max_size=300))
def test_no_text_breaks_the_reader_of_assertions(text: str) -> None:
    _found, code = tried(lambda: assertions.subject_of(text))
    assert code in {"", "invalid_request"}


@given(st.lists(st.tuples(st.text(max_size=10), st.text(max_size=20)), max_size=6))
def test_each_parameter_is_read_once_or_refused(pairs: list[tuple[str, str]]) -> None:
    from django.http import QueryDict

    values = QueryDict(mutable=True)
    for name, value in pairs:
        values.appendlist(name, value)
    known = frozenset(name for name, _value in pairs[:3])
    found, code = tried(lambda: read(values, known))
    assert code in {"", "invalid_request"}
    if found is not None:
        assert all(found.values())
        names = [name for name, _value in pairs if name in known - {"resource"}]
        assert len(set(names)) == len(names)
        assert set(found) <= set(names)


UNKNOWN = [
    ("foo", "1"),
    ("foo", "2"),
    ("utm", "x" * 5000),
    ("fbclid", "\ufffd"),
    ("\x7f", "\u202e"),
]


def test_6749_3_1_what_is_not_known_is_ignored_by_a_browsers_request(app: Application) -> None:
    for path in ("/oauth/authorize", "/oauth/logout"):
        asked = urlencode([*app.request().items(), *UNKNOWN])
        assert app.browser.get(f"{path}?{asked}").status_code == 200, path
    posted = app.browser.post("/oauth/authorize", asked, content_type=FORM)
    assert set(dict(parse_qsl(urlsplit(app.landing(posted)).query))) == set(app.request())


def test_6749_3_1_what_is_not_known_is_ignored_by_each_endpoint(app: Application) -> None:
    Client.objects.update(kind=Client.Kind.NATIVE)
    more = {name: [value for each, value in UNKNOWN if each == name] for name, _ in UNKNOWN}
    app.redeem(app.code(scope="openid offline_access"), **more)
    assert app.refresh(**more).status_code == 200
    token = {"token": app.tokens["access_token"], "token_type_hint": ["x", "x" * 5000]}
    shown = {"access_token": app.tokens["access_token"]}
    assert app.post("/oauth/userinfo", {**shown, **more}).status_code == 200
    assert app.post("/oauth/par", {**app.request(), **more}).status_code == 201
    assert app.post("/oauth/device_authorization", more).status_code == 200
    assert app.post("/oauth/introspect", {**token, **more}).json()["error"] == "invalid_client"
    assert app.post("/oauth/revoke", {**token, **more}).status_code == 200
    assert app.userinfo().status_code == 401


def test_no_near_miss_of_an_origin_reads_an_answer(app: Application) -> None:
    """Fetch, 3.2: an origin is compared as it stands."""
    register("server", auth_method="client_secret_basic", redirect_uris="https://server.example/")
    own = "{0.scheme}://{0.netloc}".format(urlsplit(CALLBACK))
    host = own.removeprefix("https://")
    near = [
        f"http://{host}", f"{own}:443", f"{own}:8443", f"{own}/", f"{own}.", f"{own}.evil.example",
        f"{own}@evil.example", f"https://evil.example#{own}", f"https://x.{host}",
        f"https://x{host}", own[:-1], f"{own}x", f"{own} ", f"{own},{own}", f"{own} {own}",
        own.upper(), own.title(), CALLBACK, host, f"//{host}", "null", "*", "https://", "",
        f"{own}\u200b", f"{own}%00", f"{own}\t", own.replace("a", "\u0430", 1),
        "https://server.example", "https://*.example",
    ]  # fmt: skip
    for origin in near:
        sent = app.back.options("/oauth/token", headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in sent.headers, origin
    sent = app.back.options("/oauth/token", headers={"Origin": own})
    assert sent["Access-Control-Allow-Origin"] == own


@pytest.mark.parametrize(
    "name", ["a\0b", "\ud800", "\udfff!", "app\0", "x" * 5000, "\x7f", "\u202e"]
)
def test_a_client_whose_name_no_database_takes_is_not_known(app: Application, name: str) -> None:
    body = json.dumps({"iss": name, "sub": name, "exp": 4e9, "jti": "x"}).encode()
    parts = [
        base64.urlsafe_b64encode(each).decode().rstrip("=") for each in (b'{"alg":"ES256"}', body)
    ]
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    signed = {"client_assertion": ".".join([*parts, "AAAA"]), "client_assertion_type": kind}
    pair = base64.b64encode(quote(name, errors="replace").encode() + b":x").decode()
    for path in ("/oauth/token", "/oauth/par", "/oauth/introspect", "/oauth/revoke"):
        fields = {"grant_type": "refresh_token", "refresh_token": "x", "token": "x"}
        by_assertion = app.back.post(path, urlencode({**fields, **signed}), content_type=FORM)
        assert by_assertion.status_code in {400, 401}
        shown = {"Authorization": f"Basic {pair}"}
        by_basic = app.back.post(path, urlencode(fields), content_type=FORM, headers=shown)
        assert by_basic.status_code in {400, 401}
    assert clients.find(name) is None
    form = urlencode({"withdraw": name.encode("utf-8", "replace")})
    withdrawn = app.browser.post("/account/apps", form, content_type=FORM)
    assert withdrawn.status_code in {303, 400}
