"""docs/threats.md 2.8: the twelve rows of how the sessions of the two sites belong together.

P is the library's own site, G ours. Where a row begins with Unilogin, which lives on G only, a
local session stands in: it is another type that lives on G only as well.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client

from accounts.models import StoredSession, User
from portal.door import cookies
from tests.http.cms.conftest import CALLBACK, SLUG, Make, Visitor
from tests.http.conftest import sign_in, stored
from tests.http.tokens.caller import Caller
from tests.peers.cms import SITE, Cms


def signed_in_at_cms(visitor: Visitor) -> bool:
    return "Nobody is signed in here" not in visitor.at_cms.get("/").text


def test_row_1_who_signs_in_on_p_is_signed_in_on_g(visitor: Visitor) -> None:
    visitor.at_cms.sign_in("rikke", "/login?current-path=/")
    asked = visitor.get("/account/")
    assert asked.status_code == 302
    back = visitor.get(asked["Location"])
    assert (back.status_code, back["Location"]) == (303, "/account/")
    assert visitor.type == "adgangsplatformen"


def test_row_2_who_signs_in_on_g_is_signed_in_on_p(visitor: Visitor) -> None:
    assert visitor.enter()["Location"] == "/account/"
    assert visitor.type == "adgangsplatformen"
    assert "Rikke Læser" in visitor.at_cms.get("/").text


def test_row_3_who_is_signed_in_is_led_past_the_choice(visitor: Visitor) -> None:
    visitor.enter()
    assert visitor.get("/login")["Location"] == "/account/"


def test_row_4_another_type_asks_before_it_ends_this_one(visitor: Visitor, person: User) -> None:
    visitor.enter()
    page = visitor.get("/auth/login/local")
    assert page.status_code == 200
    assert visitor.type == "adgangsplatformen"


def test_row_4_the_cms_does_not_end_another_type(visitor: Visitor, person: User) -> None:
    sign_in(visitor.site)
    visitor.at_cms.sign_in("rikke")
    assert visitor.get(CALLBACK)["Location"] == "/account/"
    assert visitor.type == "local"


def test_row_5_both_persist(visitor: Visitor, person: User) -> None:
    sign_in(visitor.site)
    visitor.at_cms.sign_in("rikke", "/login?current-path=/")
    assert visitor.get("/account/").status_code == 200
    assert visitor.type == "local"
    assert signed_in_at_cms(visitor)


def test_row_6_when_the_other_has_run_out_the_shared_one_takes_over(
    visitor: Visitor, person: User
) -> None:
    sign_in(visitor.site)
    visitor.at_cms.sign_in("rikke", "/login?current-path=/")
    StoredSession.objects.all().delete()
    assert visitor.get("/login", next="/account/")["Location"] == "/account/"
    assert visitor.type == "adgangsplatformen"


def test_row_7_who_leaves_g_has_left_p_too(visitor: Visitor, library: Cms) -> None:
    visitor.enter()
    way = visitor.leave()["Location"]
    assert way == f"{library.url}/logout?current-path=/go-logout"
    assert visitor.at_cms.get(way).headers["Location"] == f"{SITE}/"
    assert not signed_in_at_cms(visitor)
    assert visitor.type == "anonymous"


def test_row_8_who_leaves_p_has_left_g_too(visitor: Visitor) -> None:
    visitor.enter()
    visitor.at_cms.sign_out()
    assert visitor.type == "anonymous"
    assert not StoredSession.objects.exists()


def test_row_8_the_cms_can_say_that_its_person_left(visitor: Visitor, library: Cms) -> None:
    visitor.enter()
    headers = {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate"}
    told = visitor.site.get("/auth/logout/cms", headers={**headers, "Sec-Fetch-Dest": "document"})
    assert told["Location"] == f"{library.url}/"
    assert not StoredSession.objects.exists()


def pair_of(visitor: Visitor) -> Caller:
    """Come in by MapStore's way. Returns a caller with the pair, who sends no cookies."""
    visitor.enter()
    visitor.get(f"/openid/{SLUG}/login")
    caller = Caller(visitor.carry())
    assert caller.fetch(SLUG).status_code == 200
    caller.client = Client()
    return caller


def test_row_8_a_pair_ends_at_the_refresh_that_brings_the_cookies(visitor: Visitor) -> None:
    caller = pair_of(visitor)
    caller.client = visitor.carry()
    assert caller.refresh().status_code == 200
    visitor.at_cms.sign_out()
    caller.client = visitor.carry()
    assert caller.refresh().json()["error"] == "invalid_grant"
    assert not StoredSession.objects.exists()


def test_row_8_without_cookies_nobody_sees_it_and_the_answer_says_so(visitor: Visitor) -> None:
    caller = pair_of(visitor)
    assert caller.refresh().status_code == 200
    assert caller.leave("DELETE").json() == {"ended": True, "upstream": "unanswered"}
    assert signed_in_at_cms(visitor)


@pytest.mark.parametrize("brings_cookies", [True, False])
def test_row_8_a_pair_that_brings_none_is_no_use_of_the_session(
    visitor: Visitor, *, brings_cookies: bool
) -> None:
    caller = pair_of(visitor)
    for hours in (5, 9):
        with time_machine.travel(datetime.now(UTC) + timedelta(hours=hours)):
            caller.client = visitor.carry() if brings_cookies else Client()
            last = caller.refresh()
    assert last.status_code == (200 if brings_cookies else 401)


def test_row_9_and_case_18_a_session_ends_with_its_token(visitor: Visitor, library: Cms) -> None:
    library.trouble(token_seconds=3600)
    visitor.enter()
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=2)):
        assert visitor.type == "anonymous"


def test_row_10_who_leaves_another_type_is_not_signed_straight_in(
    visitor: Visitor, person: User
) -> None:
    sign_in(visitor.site)
    visitor.at_cms.sign_in("rikke", "/login?current-path=/")
    assert visitor.leave()["Location"] == "/"
    assert visitor.get("/").status_code == 200
    assert visitor.get("/login", next="/account/").status_code == 200
    assert visitor.type == "anonymous"
    assert visitor.site.cookies[cookies.LEFT]["max-age"] == 60
    del visitor.site.cookies[cookies.LEFT]  # as a browser does then
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=61)):
        assert visitor.get("/login", next="/account/")["Location"] == "/account/"


def test_row_11_a_stranger_is_asked_to_sign_in(visitor: Visitor) -> None:
    assert visitor.get("/account/")["Location"] == "/login?next=%2Faccount%2F"


def test_row_12_a_broken_session_ends_as_anonymous_on_the_front_page(
    visitor: Visitor, source: Make
) -> None:
    visitor.enter()
    row = stored(visitor.site)
    StoredSession.objects.filter(uid=row.uid).update(session_data="not a payload")
    assert visitor.leave()["Location"] == "/"
    assert visitor.type == "anonymous"
    assert not StoredSession.objects.exists()
