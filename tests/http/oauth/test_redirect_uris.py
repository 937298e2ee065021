"""Where an answer may go: attacks R01 to R11 of docs/threats.md; RFC 8252, 7."""

from __future__ import annotations

from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.authorization_server import registration
from portal.authorization_server.models import Client
from tests.http.oauth.application import CALLBACK, Application, register

REGISTERED = (
    "https://app.dk/cb",
    "http://127.0.0.1/cb",
    "http://localhost",
    "com.example.app:/cb",
)


def client(*uris: str) -> SimpleNamespace:
    return SimpleNamespace(redirect_uris=" ".join(uris or REGISTERED))


@pytest.mark.parametrize(
    "uri",
    [
        *REGISTERED, "http://127.0.0.1:53123/cb", "http://localhost:1", "http://localhost:65535/",
    ],
)  # fmt: skip
def test_what_is_registered_is_allowed(uri: str) -> None:
    assert registration.allows_redirect(client(), uri)


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/cb", "https://app.dk/cb?x=1", "https://app.dk/cb#x",
        "https://app.dk/cb#", "https://app.dk/cb/", "https://app.dk/CB", "https://app.dk:443/cb",
        "https://APP.dk/cb", "https://app.dk@evil.example/cb", "https://app.dk\\@evil.example/cb",
        "https://app.dk.evil.example/cb", "https://evilapp.dk/cb", "http://app.dk/cb",
        "https://app.dk/x/../cb", "https://app.dk/%63b", "https://app.dk/cb%00", "//app.dk/cb",
        "javascript:alert(1)", "data:text/html,x", "com.example.app:/cb/x", "com.example.app:cb",
        "http://127.0.0.1:53123/", "http://127.0.0.1:53123/cb/", "http://127.0.0.1:0/cb",
        "http://localhost//", "http://127.0.0.1:99999/cb",
        "http://127.0.0.1.evil.example/cb", "http://127.0.0.1:80@evil.example/cb",
        "http://127.1:8000/cb", "https://127.0.0.1/cb", "http://localhost:1/other",
        "http://[::1]/cb", "http://0.0.0.0/cb", "", " https://app.dk/cb", "https://app.dk/cb ",
    ],
)  # fmt: skip
def test_r01_to_r07_nothing_else_is(uri: str) -> None:
    assert not registration.allows_redirect(client(), uri)


@given(
    st.text(max_size=60)
    | st.sampled_from(REGISTERED).flatmap(
        lambda known: st.tuples(st.just(known), st.text(max_size=8), st.integers(0, 40)).map(
            lambda parts: parts[0][: parts[2]] + parts[1] + parts[0][parts[2] :]
        )
    )
)
def test_whatever_is_allowed_is_registered_but_for_a_loopback_port(uri: str) -> None:
    if registration.allows_redirect(client(), uri) and uri not in REGISTERED:
        parts = urlsplit(uri)
        assert parts.scheme == "http"
        assert parts.hostname in registration.LOOPBACK
        assert parts.username is None


@given(st.text(max_size=80))
def test_no_text_breaks_the_registration(uri: str) -> None:
    registration.redirect_uri_problem(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "javascript:alert(1)", "data:x", "file:///etc/passwd", "vbscript:x", "myapp://cb",
        "http://app.dk/cb", "https://*.app.dk/cb", "https://app.dk/cb#x", "https://u@app.dk/",
        "https:app.dk", "//app.dk", "/cb", "https://", "https://app.dk/\\cb",
    ],
)  # fmt: skip
def test_r07_what_may_not_be_registered(uri: str) -> None:
    assert registration.redirect_uri_problem(uri)


def test_a_legacy_client_may_have_a_scheme_without_a_dot() -> None:
    for uri in ("oc://android.owncloud.com", "oc://ios.owncloud.com"):
        assert registration.redirect_uri_problem(uri)
        assert not registration.redirect_uri_problem(uri, legacy=True)


@pytest.mark.parametrize(
    "uri",
    [
        "javascript://a.example", "data://a.example", "file://a.example", "intent://a.example",
        "vbscript://a.example", "blob://a.example", "ftp://a.example", "http://a.example",
        "oc://app", "oc:/app.example", "oc:app.example", "oc://a.example/x", "oc://a.example?x",
        "oc://a.example:1", "oc://u@a.example", "oc://*.example", "OC://a.example",
        "oc://a.example\n", "oc://a.example#x", "view-source://a.example", "myapp://cb",
    ],
)  # fmt: skip
def test_r07_and_no_other(uri: str) -> None:
    assert registration.redirect_uri_problem(uri, legacy=True)


@pytest.mark.parametrize("uri", [*REGISTERED, "http://[::1]:80/cb", "dk.town.app:/x?y=z"])
def test_what_may_be_registered(uri: str) -> None:
    assert not registration.redirect_uri_problem(uri)


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.dk/", "https://app.dk/x", "https://app.dk?x", "*", "https://*", "app.dk",
        "https://*.app.dk", "http://app.dk", "https://APP.dk", "https://app.dk:443", "null",
        "https://u@app.dk", "https://", "http://localhost:80", "http://localhost:", "htps://app.dk",
        "com.example.app://x", "https://app.dk\\", "https://app.dk:99999", "https:app.dk",
    ],
)  # fmt: skip
def test_what_is_no_origin_is_not_registered(origin: str) -> None:
    assert registration.origin_problem(origin)


@pytest.mark.parametrize(
    "origin", ["https://app.dk", "https://app.dk:8443", "http://localhost", "http://[::1]:5173"]
)
def test_an_origin_is_registered(origin: str) -> None:
    assert not registration.origin_problem(origin)


@given(st.text(max_size=60) | st.sampled_from(["http://localhost:1", "http://[::1]:1/"]))
def test_only_a_port_on_loopback_is_forgiven_an_origin(origin: str) -> None:
    """What is compared is the text itself, but for the port that `http` on loopback has."""
    compared = registration.comparable(origin)
    assert compared == origin or urlsplit(origin).hostname in registration.LOOPBACK


@pytest.mark.django_db(transaction=True)
def test_r08_two_addresses_are_none(app: Application) -> None:
    fields = list(app.request().items())
    for pairs in (
        [*fields, ("redirect_uri", "https://evil.example/")],
        [("redirect_uri", "https://evil.example/"), *fields],
    ):
        query = "&".join(f"{name}={value}" for name, value in pairs)
        page = app.browser.get(f"/oauth/authorize?{query}")
        assert (page.status_code, "Location" in page) == (400, False)


@pytest.mark.django_db(transaction=True)
def test_r09_without_an_address_the_only_one_is_meant(app: Application) -> None:
    assert app.ask(redirect_uri=None).status_code == 200
    Client.objects.update(redirect_uris=f"{CALLBACK} https://app.example/other")
    page = app.ask(redirect_uri=None)
    assert (page.status_code, "Location" in page) == (400, False)


@pytest.mark.django_db(transaction=True)
def test_an_unknown_application_is_sent_nowhere(app: Application) -> None:
    for changes in ({"client_id": "nobody"}, {"client_id": None}, {"client_id": "vestibule"}):
        page = app.ask(**changes)
        assert (page.status_code, "Location" in page) == (400, False)
        asked, as_json = app.request(**changes), {"Accept": "application/json"}
        told = app.browser.get("/oauth/authorize", asked, headers=as_json)
        assert told.json()["error_description"] == "The application is not known here."
        assert (page["Cache-Control"], told["Cache-Control"]) == ("no-store", "no-store")


@pytest.mark.django_db(transaction=True)
def test_an_address_keeps_its_own_query_and_cannot_answer_for_us(browser: object) -> None:
    own = Application(
        register(redirect_uris="https://app.example/cb?tenant=1&iss=evil&code=x"), browser
    )
    asked = own.ask(prompt="none")
    own.redirect_uri = "https://app.example/cb?tenant=1&"
    answer = own.answer(asked)
    assert (answer["tenant"], answer["iss"]) == ("1", "http://localhost:8000")
    assert "code" not in answer


@pytest.mark.django_db(transaction=True)
def test_6749_3_1_2_the_query_of_an_address_is_kept_as_it_is_registered(browser: object) -> None:
    url = "https://app.example/cb?flag&x=a%20b+c&y=%C3%A6&%69ss=evil&z"
    landed = Application(register(redirect_uris=url), browser).ask(prompt="none")["Location"]
    assert landed.startswith("https://app.example/cb?flag&x=a%20b+c&y=%C3%A6&z&error=")
    assert "evil" not in landed
