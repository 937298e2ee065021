"""A sign-in starts before Django is asked: the same answer with a flow of its own, and nothing else
does (docs/decisions/0009-short-ways.md).
"""

from __future__ import annotations

from http.cookies import SimpleCookie
from ipaddress import ip_network
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from accounts.login import flow
from accounts.models import Source
from accounts.source import catalogue
from portal.door import cookies
from portal.gateway import rule_rows
from portal.gateway.models import AccessRule
from portal.pages import short_way
from portal.server import learned
from portal.server.short_ways import Answer, Environ
from tests.http.at_front import by_django, shortly, told
from tests.http.conftest import at_most
from tests.http.oidc.conftest import Make
from tests.peers import fresh
from tests.peers.certified import Certified

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]
START = "/auth/login/town"
OWN = {"state", "nonce", "code_challenge"}


@pytest.fixture
def town(
    source: Make, provider: Certified, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Source:
    monkeypatch.setattr(learned, "SECONDS", 1e9)  # no test is at the end of a minute
    monkeypatch.setattr(short_way, "_known", learned.Learned(most=500))
    return source(provider)


def asked(path: str = START, **more: str) -> Environ:
    return told("GET", path, **{"HTTP_ACCEPT_LANGUAGE": "da", **more})


def known(path: str = START, **more: str) -> Answer:
    """Let the short way learn what Django says to a start of this shape."""
    environ = asked(path, **more)
    assert shortly(environ) is None
    return by_django(environ)


def sent(answer: Answer | None) -> dict[str, list[str]]:
    assert answer is not None
    assert answer.status == 302
    return parse_qs(urlsplit(dict(answer.headers)["Location"]).query)


def begun(answer: Answer) -> tuple[Any, dict[str, Any]]:
    """Return the flow that an answer begins, and the attributes of its cookie."""
    ((name, morsel),) = SimpleCookie(dict(answer.headers)["Set-Cookie"]).items()
    found = flow.open_flow(morsel.value)
    assert found is not None
    assert name == cookies.named(flow.cookie_name(found.state))
    return found, {**morsel, "expires": ""}


SHAPES: dict[str, tuple[str, dict[str, str]]] = {
    "a browser": (START, {}),
    "a browser that wants to go on": (f"{START}?next=/account/", {}),
    "an application's wishes": (f"{START}?login_hint=mette&ui_locales=da&max_age=60", {}),
    "a fresh proof": (f"{START}?again=1", {}),
    "MapStore": ("/openid/town/login", {}),
    "a page elsewhere": (START, {"HTTP_ORIGIN": "https://evil.example"}),
    "in German": (START, {"HTTP_ACCEPT_LANGUAGE": "de,en;q=0.5"}),
    "an empty cookie": (START, {"HTTP_COOKIE": ""}),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_answer_is_djangos_but_for_the_flow(town: Source, shape: str) -> None:
    path, more = SHAPES[shape]
    first = known(path, **more)
    with at_most(0):
        second = shortly(asked(path, **more))
    assert second is not None
    assert [name for name, _ in second.headers] == [name for name, _ in first.headers]
    assert [value[0] for _, value in second.headers] == [value[0] for _, value in first.headers]
    same = {"Location", "Set-Cookie"}
    assert [each for each in second.headers if each[0] not in same] == [
        each for each in first.headers if each[0] not in same
    ]
    before, after = sent(first), sent(second)
    assert before.keys() == after.keys()
    assert {name for name in before if before[name] != after[name]} == OWN
    (was, its), (own, attributes) = begun(first), begun(second)
    assert its == attributes
    assert own.started_at > was.started_at
    unlike = {name for name in vars_of(was) if vars_of(was)[name] != vars_of(own)[name]}
    assert unlike == {"state", "nonce", "code_verifier", "started_at"}
    assert after["code_challenge"] == [flow.code_challenge(own)]
    assert after["state"] == [own.state]
    assert after["nonce"] == [own.nonce]


def vars_of(login_flow: Any) -> dict[str, Any]:
    return {name: getattr(login_flow, name) for name in login_flow.__dataclass_fields__}


def test_browsers_and_their_addresses_make_no_shape(town: Source) -> None:
    known(HTTP_USER_AGENT="One/1.0", REMOTE_ADDR="203.0.113.1", HTTP_X_FORWARDED_FOR="203.0.113.1")
    other = {"HTTP_USER_AGENT": "Two/2.0", "REMOTE_ADDR": "203.0.113.2"}
    assert shortly(asked(**other, HTTP_X_FORWARDED_FOR="203.0.113.2"))


OTHERS: dict[str, tuple[str, dict[str, str]]] = {
    "a browser with a cookie": (START, {"HTTP_COOKIE": "vestibule-source=x"}),
    "another method": (START, {"REQUEST_METHOD": "HEAD"}),
    "credentials": (START, {"HTTP_AUTHORIZATION": "Basic eDp5"}),
    "a prefetch": (START, {"HTTP_SEC_PURPOSE": "prefetch"}),
    "another name of the site": (START, {"HTTP_HOST": "evil.example"}),
    "another scheme": (START, {"wsgi.url_scheme": "https"}),
    "another source": ("/auth/login/local", {}),
    "another query": (f"{START}?next=/desk", {}),
    "a long one": (f"{START}?next=/{'x' * 3000}", {}),
}


@pytest.mark.parametrize("other", OTHERS)
def test_all_else_is_djangos(town: Source, other: str) -> None:
    known()
    path, more = OTHERS[other]
    assert shortly(asked(path, **more)) is None


@pytest.mark.parametrize("path", [f"{START}?shared=1", "/auth/login/local", "/auth/login/nobody"])
def test_what_is_no_such_redirect_is_never_learned(town: Source, path: str) -> None:
    known(path)
    assert shortly(asked(path)) is None


def test_a_computer_in_a_shared_network_gets_djangos(town: Source, settings: Any) -> None:
    known()
    settings.VESTIBULE_SHARED_NETWORKS = (ip_network("203.0.113.0/24"),)
    assert shortly(asked()) is None


def test_a_source_that_is_changed_is_asked_anew(town: Source) -> None:
    known()
    assert shortly(asked())
    town.settings["scope"] = "openid email"
    catalogue.save(town)
    fresh.sources()
    assert shortly(asked()) is None
    town.enabled = False
    catalogue.save(town)
    fresh.sources()
    assert shortly(asked()) is None


def test_a_rule_that_is_made_says_at_once_where_one_may_go_on_to(town: Source) -> None:
    """Rules name the applications to which a sign-in leads; the worker knows them by the feed."""
    wanted = "http://files.example.org/report"
    path = f"{START}?next={wanted}"
    first, again = known(path), shortly(asked(path))
    assert again
    assert [begun(each)[0].next for each in (first, again)] == ["", ""]
    rule = AccessRule(slug="files", host="files.example.org")
    rule_rows.save(rule)
    assert shortly(asked(path)) is None
    assert begun(known(path))[0].next == wanted
    later = shortly(asked(path))
    assert later, "and is learned anew"
    assert begun(later)[0].next == wanted
    rule_rows.delete([rule], "", None)
    assert shortly(asked(path)) is None
    assert begun(known(path))[0].next == ""


def test_a_provider_that_is_not_known_any_more_is_djangos_to_tell(
    source: Make, mortal: Certified, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(short_way, "_known", learned.Learned(most=500))
    source(mortal)
    known()
    mortal.stop()
    fresh.sources()
    assert shortly(asked()) is None


def test_what_was_learned_counts_for_a_minute_and_is_bounded(town: Source) -> None:
    known()
    for number in range(2 * short_way._known.most):
        short_way._known.keep(str(number), None)
    assert len(short_way._known.known) == short_way._known.most
    short_way._known.minute -= 1
    assert shortly(asked()) is None
