"""A session hangs on the CMS's cookie: what happens when either changes (docs/threats.md 2.5,
2.10).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from accounts.models import StoredSession
from accounts.provider import Authentication, End, Keep
from accounts.session.store import SessionStore
from tests.http.cms.conftest import Make, Provide, Visitor, held
from tests.http.conftest import stored
from tests.peers.cms import Cms, Patron


def signed_in(patron: Patron, person: str = "rikke") -> dict[str, str]:
    patron.sign_in(person)
    return patron.cookies


def recognised(provider: object, cookies: dict[str, str]) -> Authentication:
    outcome = provider.recognise(cookies)  # type: ignore[attr-defined]
    assert outcome is not None
    return outcome


def test_case_15_with_a_day_left_the_session_stands_without_a_call(
    provide: Provide, patron: Patron, library: Cms
) -> None:
    provider, cookies = provide(), signed_in(patron)
    session = held(recognised(provider, cookies))
    library.trouble()
    assert provider.revalidate(session, None, cookies) == Keep()
    assert not library.calls


@pytest.mark.remembers
@pytest.mark.parametrize("recheck", [0, 3600])
def test_case_14_with_59_seconds_left_the_cms_is_asked(
    provide: Provide, patron: Patron, library: Cms, recheck: int
) -> None:
    provider, cookies = provide(recheck=recheck), signed_in(patron)
    outcome = recognised(provider, cookies)
    provider.revalidate(held(outcome), None, cookies)
    soon = datetime.now(UTC) + timedelta(seconds=59)
    library.trouble()
    verdict = provider.revalidate(held(outcome, expires_at=soon), None, cookies)
    assert isinstance(verdict, Authentication)
    assert verdict.expires_at == outcome.expires_at
    assert library.calls["graphql:dplTokens"] == 1


@pytest.mark.remembers
def test_w16_in_its_last_minute_it_is_not_asked_at_every_request(
    provide: Provide, patron: Patron, library: Cms
) -> None:
    library.trouble(token_seconds=50)
    provider, cookies = provide(), signed_in(patron)
    session = held(recognised(provider, cookies))
    library.trouble()
    verdicts = [provider.revalidate(session, None, cookies) for _ in range(5)]
    assert verdicts == [Keep()] * 5
    assert library.calls["graphql:dplTokens"] == 1


def test_case_12_without_the_cookie_the_session_ends_without_a_call(
    provide: Provide, patron: Patron, library: Cms
) -> None:
    provider = provide()
    session = held(recognised(provider, signed_in(patron)))
    library.trouble()
    assert isinstance(provider.revalidate(session, None, {}), End)
    assert not library.calls


def test_w4_another_cookie_of_the_same_patron_goes_on_under_it(
    provide: Provide, library: Cms
) -> None:
    provider = provide()
    first = recognised(provider, signed_in(Patron(library)))
    verdict = provider.revalidate(held(first), None, signed_in(Patron(library)))
    assert isinstance(verdict, Authentication)
    assert verdict.subject == first.subject
    assert verdict.bound_to != first.bound_to


def test_w4_another_patrons_cookie_is_told_apart(provide: Provide, library: Cms) -> None:
    provider = provide()
    rikke = recognised(provider, signed_in(Patron(library)))
    verdict = provider.revalidate(held(rikke), None, signed_in(Patron(library), "lars"))
    assert isinstance(verdict, Authentication)
    assert verdict.subject != rikke.subject


def test_a_changed_cookie_that_is_nobodys_ends_the_session(
    provide: Provide, patron: Patron
) -> None:
    provider, cookies = provide(), signed_in(patron)
    session = held(recognised(provider, cookies))
    changed = dict.fromkeys(cookies, "somebody-elses")
    assert isinstance(provider.revalidate(session, None, changed), End)


def test_while_the_cms_is_down_the_session_lives_as_long_as_its_token(
    provide: Provide, patron: Patron, library: Cms
) -> None:
    provider, cookies = provide(), signed_in(patron)
    outcome = recognised(provider, cookies)
    library.trouble("down")
    now = datetime.now(UTC)
    shortly = held(outcome, expires_at=now + timedelta(seconds=30))
    over = held(outcome, expires_at=now - timedelta(seconds=1))
    assert provider.revalidate(shortly, None, cookies) == Keep()
    assert isinstance(provider.revalidate(over, None, cookies), End)


def test_w4_while_the_cms_is_down_another_cookie_is_not_trusted(
    provide: Provide, patron: Patron, library: Cms
) -> None:
    provider, cookies = provide(), signed_in(patron)
    session = held(recognised(provider, cookies))
    library.trouble("down")
    changed = dict.fromkeys(cookies, "somebody-elses")
    assert isinstance(provider.revalidate(session, None, changed), End)


def test_a_patron_who_may_no_longer_come_in_is_out(
    provide: Provide, patron: Patron, library: Cms
) -> None:
    cookies = signed_in(patron, "nils")
    outcome = recognised(provide(), cookies)
    soon = held(outcome, expires_at=datetime.now(UTC) + timedelta(seconds=30))
    assert isinstance(provide(registered_only=True).revalidate(soon, None, cookies), End)


@pytest.mark.remembers
def test_w4_a_recheck_asks_again_after_its_time(
    provide: Provide, patron: Patron, library: Cms
) -> None:
    provider, cookies = provide(recheck=60), signed_in(patron)
    session = held(recognised(provider, cookies))
    library.trouble()
    for _ in range(3):
        assert provider.revalidate(session, None, cookies) == Keep()
    assert library.calls["graphql:dplTokens"] == 1


def test_without_a_look_up_the_same_cookie_is_the_same_patron(
    provide: Provide, patron: Patron
) -> None:
    provider = provide(userinfo_url=None, subject_key=None, patron_url=None)
    cookies = signed_in(patron)
    outcome = recognised(provider, cookies)
    # As if the CMS had renewed the token in the meantime, under the same session.
    before = replace(outcome, subject="login:of-a-token-before")
    soon = datetime.now(UTC) + timedelta(seconds=30)
    verdict = provider.revalidate(held(before, expires_at=soon), None, cookies)
    assert isinstance(verdict, Authentication)
    assert verdict.subject == before.subject


# --- At the site ----------------------------------------------------------------------------------


def test_w4_after_a_switch_at_the_cms_nobody_sees_the_one_before(
    visitor: Visitor, library: Cms
) -> None:
    visitor.enter("rikke")
    mine = stored(visitor.site).uid
    visitor.at_cms.sign_in("lars", "/login?current-path=/")
    assert visitor.type == "anonymous"
    assert not StoredSession.objects.filter(uid=mine).exists()
    assert visitor.get("/login", next="/account/")["Location"] == "/account/"
    assert visitor.session()["user"]["name"] == "Lars Låner"


def test_the_same_patron_with_a_new_cookie_keeps_the_session(visitor: Visitor) -> None:
    visitor.enter("rikke")
    mine = stored(visitor.site).uid
    visitor.at_cms.sign_in("rikke", "/login?current-path=/")
    assert visitor.type == "adgangsplatformen"
    assert stored(visitor.site).uid == mine


def test_a_session_costs_the_cms_nothing_while_it_is_used(visitor: Visitor, library: Cms) -> None:
    visitor.enter()
    library.trouble()
    for path in ("/", "/account/", "/auth/session", "/account/sessions"):
        visitor.get(path)
    assert not library.calls


@pytest.mark.parametrize("seconds", [60, 30])
@pytest.mark.remembers
def test_a_token_of_a_short_life_is_not_asked_about_at_every_request(
    visitor: Visitor, library: Cms, seconds: int
) -> None:
    library.trouble(token_seconds=seconds)
    visitor.enter()
    library.trouble()
    for _number in range(12):
        assert visitor.type == "adgangsplatformen"
    assert not library.calls
    ends = SessionStore(visitor.site.cookies["vestibule"].value).typed.tokens_expire_at
    assert ends
    with time_machine.travel(ends - timedelta(seconds=seconds * 0.05), tick=False):
        for _number in range(12):
            assert visitor.type == "adgangsplatformen"
    assert library.calls["graphql:dplTokens"] == 1


def test_w8_a_cms_that_is_down_ends_no_session(visitor: Visitor, library: Cms) -> None:
    visitor.enter()
    library.trouble("down")
    assert visitor.type == "adgangsplatformen"


def test_case_13_a_cookie_signs_in_once(visitor: Visitor, source: Make) -> None:
    visitor.at_cms.sign_in("rikke", "/login?current-path=/")
    visitor.get("/login", next="/account/")
    visitor.get("/account/")
    assert StoredSession.objects.count() == 1
