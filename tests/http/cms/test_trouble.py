"""A CMS that is down, slow, lying or huge: a typed error, in time, and nothing of its answer."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from time_machine import travel

from accounts.errors import InvalidGrant, TemporarilyUnavailable
from accounts.login.flow import new_flow
from providers.adgangsplatformen.client import MAX_AGE, SOON
from tests.http.cms.conftest import CALLBACK, SLUG, Make, Provide, Visitor, failure
from tests.peers import fresh
from tests.peers.cms import Cms, Patron
from tests.peers.site import free_port

pytestmark = pytest.mark.wire

FLOW = new_flow(SLUG, "http://localhost:8000/auth/callback/library", "", datetime.now(UTC))
TROUBLES = ("down", "errors", "html", "huge", "shapeless")


@pytest.mark.parametrize("trouble", TROUBLES)
def test_an_answer_that_is_none_is_temporary(
    provide: Provide, patron: Patron, library: Cms, trouble: str
) -> None:
    patron.sign_in()
    library.trouble(trouble)
    with pytest.raises(TemporarilyUnavailable) as caught:
        provide().complete_login(FLOW, {}, patron.cookies)
    assert "Maintenance" not in caught.value.description
    assert not any(value in caught.value.description for value in patron.cookies.values())


def test_w15_a_slow_cms_is_given_up(provide: Provide, patron: Patron, library: Cms) -> None:
    patron.sign_in()
    library.trouble("slow")
    with pytest.raises(TemporarilyUnavailable):
        provide().complete_login(FLOW, {}, patron.cookies)
    library.trouble()


def test_w36_the_old_shape_of_an_end_is_no_end(
    provide: Provide, patron: Patron, library: Cms
) -> None:
    patron.sign_in()
    library.trouble("old-shape")
    with pytest.raises(TemporarilyUnavailable, match="shape"):
        provide().complete_login(FLOW, {}, patron.cookies)


def test_a_null_token_is_a_failed_login(provide: Provide, patron: Patron, library: Cms) -> None:
    patron.sign_in()
    library.trouble("no-token")
    with pytest.raises(InvalidGrant) as caught:
        provide().complete_login(FLOW, {}, patron.cookies)
    assert caught.value.reason == "login-failed"


@pytest.mark.parametrize("trouble", [*TROUBLES, "no-login", "elsewhere"])
def test_without_an_address_no_sign_in_starts(provide: Provide, library: Cms, trouble: str) -> None:
    library.trouble(trouble)
    with pytest.raises(TemporarilyUnavailable):
        provide().begin_login(FLOW)


def test_a_wrong_graphql_user_is_named(provide: Provide) -> None:
    with pytest.raises(TemporarilyUnavailable, match="refuses the GraphQL user"):
        provide(graphql_password="wrong").begin_login(FLOW)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_w15_the_last_good_address_serves_while_the_cms_is_in_trouble(
    provide: Provide, library: Cms, trouble: str
) -> None:
    provider = provide()
    known = provider.begin_login(FLOW)
    library.trouble(trouble)
    with travel(datetime.now(UTC) + MAX_AGE + SOON):
        assert provider.begin_login(FLOW) == known


def test_the_addresses_are_asked_once_in_a_quarter_of_an_hour(
    provide: Provide, library: Cms
) -> None:
    provider = provide()
    for _ in range(3):
        provider.begin_login(FLOW)
    assert library.calls["graphql:goConfiguration"] == 1
    with travel(datetime.now(UTC) + MAX_AGE):
        provider.begin_login(FLOW)
    assert library.calls["graphql:goConfiguration"] == 2


def test_many_at_once_ask_for_the_addresses_once(provide: Provide, library: Cms) -> None:
    provider, together = provide(), threading.Barrier(8)

    def one(_number: int) -> Any:
        together.wait(60)
        return provider.begin_login(FLOW)

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(one, range(8)))) == 1
    assert library.calls["graphql:goConfiguration"] == 1


def test_w34_a_null_is_asked_about_again_soon(provide: Provide, library: Cms) -> None:
    provider = provide()
    library.trouble("no-login")
    with pytest.raises(TemporarilyUnavailable):
        provider.begin_login(FLOW)
    library.trouble()
    with travel(datetime.now(UTC) + SOON):
        assert provider.begin_login(FLOW).url.startswith(library.url)


# --- At the site ----------------------------------------------------------------------------------


@pytest.mark.remembers
def test_w34_a_library_without_a_login_is_shown_as_not_available(
    visitor: Visitor, library: Cms, source: Make
) -> None:
    source(columns={"note": "The library is moving."})
    library.trouble("no-login")
    assert failure(visitor.get(f"/auth/login/{SLUG}")).reason == "temporarily-unavailable"
    assert "The library is moving." in visitor.get("/login?choose=1").content.decode()


def shown(visitor: Visitor) -> tuple[bool, bool]:
    """Tell whether the page and the list for front ends show that the library is in trouble."""
    page = visitor.site.get("/login?choose=1").content.decode()
    listed = {each["slug"]: each for each in visitor.site.get("/auth/sources").json()}
    return "The library is moving." in page, listed[SLUG]["trouble"] is not None


@pytest.mark.parametrize("trouble", ["no-login", "down", "html"])
@pytest.mark.remembers
def test_w34_that_nobody_can_sign_in_is_shown_before_anybody_tries(
    visitor: Visitor, library: Cms, source: Make, trouble: str
) -> None:
    source(columns={"note": "The library is moving."})
    library.trouble(trouble)
    assert shown(visitor) == (True, True)
    for _ in range(5):
        shown(visitor)
    assert library.calls["/graphql"] == 1
    fresh.caches()
    fresh.sources()
    library.trouble()
    for _ in range(3):
        assert shown(visitor) == (False, False)
    assert library.calls["/graphql"] == 1


@pytest.mark.parametrize("trouble", TROUBLES)
def test_whom_trouble_made_a_stranger_is_asked_about_again_at_once(
    visitor: Visitor, library: Cms, trouble: str
) -> None:
    visitor.at_cms.sign_in("rikke", "/login?current-path=/")
    library.trouble(trouble)
    assert visitor.get("/login", next="/account/").status_code == 200
    assert visitor.type == "anonymous"
    library.trouble()
    assert visitor.get("/login", next="/account/")["Location"] == "/account/"
    assert visitor.type == "adgangsplatformen"


def test_a_refused_graphql_user_is_our_fault(visitor: Visitor, source: Make) -> None:
    source(graphql_password="wrong")
    refused = visitor.get(f"/auth/login/{SLUG}")
    assert failure(refused).reason == "misconfigured"
    assert "our fault" in visitor.site.get(refused["Location"]).content.decode()


def test_a_cms_that_is_down_keeps_nobody_from_the_choice(visitor: Visitor, library: Cms) -> None:
    visitor.at_cms.sign_in("rikke", "/login?current-path=/")
    library.trouble("down")
    assert visitor.get("/login?choose=1").status_code == 200
    assert visitor.get("/login", next="/account/").status_code in {200, 303}
    assert visitor.type == "anonymous"


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_callback_in_trouble_is_told_as_temporary(
    visitor: Visitor, library: Cms, trouble: str
) -> None:
    visitor.get(f"/auth/login/{SLUG}")
    visitor.at_cms.sign_in("rikke")
    library.trouble(trouble)
    event = failure(visitor.get(CALLBACK))
    assert event.reason == "temporarily-unavailable"
    assert "Maintenance" not in event.detail


def test_a_cms_that_nobody_can_reach(visitor: Visitor, source: Make) -> None:
    source(cms_url=f"http://localhost:{free_port()}")
    assert failure(visitor.get(f"/auth/login/{SLUG}")).reason == "temporarily-unavailable"
