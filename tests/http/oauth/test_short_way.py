"""A poll that waits is answered before Django is asked: the same answer, and nothing else is
(docs/decisions/0009-short-ways.md).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.db import connections
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts import cache
from accounts.keyring import digest
from portal.authorization_server import short_way
from portal.authorization_server.devices import INTERVAL, SLOWER
from portal.authorization_server.models import Client, DeviceGrant
from portal.server import learned
from portal.server.short_ways import Answer, Environ
from tests.http.at_front import by_django, shortly, told
from tests.http.conftest import at_most
from tests.http.oauth.application import FORM, SECRET, register

pytestmark = pytest.mark.django_db(transaction=True)
GRANT = "urn:ietf:params:oauth:grant-type:device_code"
TV = {"kind": Client.Kind.DEVICE, "redirect_uris": ""}


@pytest.fixture
def tv(house: None, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr(learned, "SECONDS", 1e9)  # no test is at the end of a minute
    register("page", kind=Client.Kind.BROWSER, redirect_uris="https://app.example/")
    own = register("tv", **TV)
    waits(own, "a-code")
    return own


def waits(client: Client, code: str, **columns: object) -> DeviceGrant:
    given = {"user_code": code[:8].upper(), "scope": "openid", "status": DeviceGrant.PENDING}
    ends = timezone.now() + timedelta(seconds=1800)
    key = digest(code)
    columns = {**given, "expires": ends, **columns}
    own = DeviceGrant(application=client, client_id="tv", device_code=key, **columns)
    own.save()
    return own


def poll(code: str = "a-code", client_id: str = "tv", **more: str) -> Environ:
    fields = {"grant_type": GRANT, "client_id": client_id, "device_code": code}
    return form(urlencode(fields).encode(), **more)


def form(body: bytes, **more: str) -> Environ:
    return told("POST", "/oauth/token", body, **{"CONTENT_TYPE": FORM, **more})


def known(**more: str) -> None:
    """Let the short way learn what Django says to a poll of this shape."""
    environ = poll(**more)
    assert shortly(environ) is None
    assert b"authorization_pending" in by_django(environ).body
    forget_the_interval()


def forget_the_interval() -> None:
    cache.shared.delete(f"device-poll:{digest('a-code')}")


SHAPES: dict[str, dict[str, str]] = {
    "a command line": {},
    "a page of a client": {"HTTP_ORIGIN": "https://app.example"},
    "a page of nobody's": {"HTTP_ORIGIN": "https://evil.example"},
    "in Danish": {"HTTP_ACCEPT_LANGUAGE": "da,en;q=0.5"},
    "with a charset": {"CONTENT_TYPE": f"{FORM};charset=UTF-8"},
    "with an empty cookie": {"HTTP_COOKIE": ""},
    "over https": {"wsgi.url_scheme": "https"},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_answer_is_djangos_by_one_query(tv: Client, shape: str) -> None:
    known(**SHAPES[shape])
    with at_most(1):
        short = shortly(poll(**SHAPES[shape]))
    forget_the_interval()
    assert short == by_django(poll(**SHAPES[shape]))
    assert short is not None
    assert dict(short.headers)["Cache-Control"] == "no-store"
    may_read = dict(short.headers).get("Access-Control-Allow-Origin", "")
    assert may_read == ("https://app.example" if shape == "a page of a client" else "")


def test_what_is_known_of_one_shape_is_not_of_another(tv: Client) -> None:
    known()
    for shape in ({"HTTP_HOST": "evil.example"}, {"HTTP_ORIGIN": "https://app.example"}):
        assert shortly(poll(**shape)) is None
    assert by_django(poll(HTTP_HOST="evil.example")).status == 400


def encoded(**fields: str) -> bytes:
    given = {"grant_type": GRANT, "client_id": "tv", "device_code": "a-code", **fields}
    return urlencode({name: value for name, value in given.items() if value}).encode()


OTHERS: dict[str, Callable[[], Environ]] = {
    "an unknown code": lambda: poll("another-code"),
    "another client's": lambda: poll(client_id="box"),
    "nobody's": lambda: poll(client_id="nobody"),
    "a secret": lambda: form(encoded(client_secret=SECRET)),
    "an assertion": lambda: form(encoded(client_assertion="x.y.z")),
    "a scope": lambda: form(encoded(scope="openid")),
    "no code": lambda: form(encoded(device_code="")),
    "no client": lambda: form(encoded(client_id="")),
    "twice": lambda: form(encoded() + b"&device_code=a-code"),
    "twice, in the place of another": lambda: form(encoded(client_id="") + b"&device_code=a-code"),
    "encoded once more": lambda: form(encoded().replace(b"a-code", b"%61-code")),
    "a code with a space": lambda: form(encoded().replace(b"a-code", b"a-code+")),
    "not text": lambda: form(encoded().replace(b"a-code", b"a-code%ff\xff")),
    "NUL": lambda: form(encoded() + b"%00"),
    "nothing": lambda: form(b""),
    "another grant": lambda: form(encoded(grant_type="authorization_code")),
    "a query": lambda: told("POST", "/oauth/token?x=1", encoded(), CONTENT_TYPE=FORM),
    "JSON": lambda: poll(CONTENT_TYPE="application/json"),
    "a GET": lambda: told("GET", "/oauth/token"),
    "a preflight": lambda: told("OPTIONS", "/oauth/token", HTTP_ORIGIN="https://app.example"),
    "a header": lambda: poll(HTTP_AUTHORIZATION="Basic dHY6"),
    "a cookie": lambda: poll(HTTP_COOKIE="vestibule-language=da"),
    "a slash": lambda: told("POST", "/oauth/token/", encoded(), CONTENT_TYPE=FORM),
}


@pytest.mark.parametrize("other", OTHERS)
def test_whatever_is_not_certain_is_djangos(tv: Client, other: str) -> None:
    register("box", **TV)
    known()
    assert shortly(OTHERS[other]()) is None
    assert not cache.shared.get(f"device-poll:{digest('a-code')}"), "nothing was counted"


@given(st.text(max_size=40), st.text(max_size=40), st.binary(max_size=60))
def test_no_body_breaks_the_short_way(code: str, client_id: str, more: bytes) -> None:
    assert shortly(poll(code.encode("utf-8", "replace").decode(), client_id)) is None
    assert shortly(form(encoded() + more)) is None


@pytest.mark.parametrize(
    ("columns", "error"),
    [
        ({"status": DeviceGrant.REFUSED}, "access_denied"),
        ({"expires": timezone.now() - timedelta(seconds=1)}, "expired_token"),
        ({"status": DeviceGrant.APPROVED}, "invalid_grant"),
    ],
)
def test_a_device_that_waits_no_more_is_djangos(
    tv: Client, columns: dict[str, object], error: str
) -> None:
    known()
    DeviceGrant.objects.update(**columns)
    assert shortly(poll()) is None
    assert f'"error": "{error}"'.encode() in by_django(poll()).body


def test_a_client_that_must_prove_itself_is_djangos(tv: Client) -> None:
    known()
    Client.objects.filter(pk=tv.pk).update(auth_method=Client.Method.BASIC)
    assert shortly(poll()) is None
    assert by_django(poll()).status == 401


@pytest.mark.remembers
def test_3_5_a_poll_too_early_slows_down_by_both_ways(tv: Client) -> None:
    known()
    assert shortly(poll()) is not None
    assert shortly(poll()) is None
    assert b"slow_down" in by_django(poll()).body
    assert DeviceGrant.objects.get().interval == INTERVAL + SLOWER


@pytest.mark.remembers
def test_of_twenty_polls_at_once_one_is_in_time(tv: Client) -> None:
    known()

    def one(_number: int) -> Answer | None:
        try:
            return shortly(poll())
        finally:
            connections.close_all()

    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(one, range(20)))
    assert len([each for each in answers if each]) == 1


def test_what_was_learned_counts_for_a_minute_and_is_bounded(tv: Client) -> None:
    known()
    for number in range(2 * short_way._pending.most):
        short_way._pending.keep(str(number), Answer(400, [], b""))
    assert len(short_way._pending.known) == short_way._pending.most
    assert shortly(poll(HTTP_ACCEPT_LANGUAGE="x" * 5000)) is None
    short_way._pending.minute -= 1
    assert shortly(poll()) is None
