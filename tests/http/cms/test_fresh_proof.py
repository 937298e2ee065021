"""A fresh proof by the library's CMS: its card and PIN are typed anew, or there is none (U38)."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import Event
from tests.http.cms.conftest import CALLBACK, SLUG, Make, Visitor, failure
from tests.http.onward import onward
from tests.peers import fresh
from tests.peers.cms import SITE, Cms, Patron

pytestmark = pytest.mark.django_db(transaction=True)
START = f"/auth/login/{SLUG}"
BEHIND = "/account/sign-ins"


def asks_again(visitor: Visitor) -> bool:
    """Tell whether the person must prove who they are before they change their ways in."""
    answer = visitor.carry().post(BEHIND, {"unlink": "0"})
    return answer["Location"] != BEHIND  # which says that there is no such way in


def press(visitor: Visitor, start: str = START) -> Any:
    """Press the button of the page that asks for a fresh sign-in. Returns the way to the CMS."""
    page = visitor.get(start, again="1", next=BEHIND)
    assert 'name="anew"' in page.content.decode()
    sent = visitor.carry().post(page.context["onward"], {"anew": "1"})
    return sent if sent["Location"].startswith(start) else onward(visitor.site, sent)


def back_at_the_cms(visitor: Visitor, start: str = START) -> str:
    """Come back from the CMS's logout. Returns its login, to which this site leads."""
    led = onward(visitor.site, visitor.get("/"))["Location"]
    assert led.startswith(f"{start}?"), led
    started = visitor.carry().get(led)
    assert started.status_code == 302
    return str(started["Location"])


def test_a_cms_that_still_knows_its_patron_proves_nothing(visitor: Visitor) -> None:
    visitor.enter()
    assert asks_again(visitor)
    visitor.get(START, again="1")  # and the redirect is not followed
    visitor.get(CALLBACK)
    assert asks_again(visitor)


@pytest.mark.parametrize("lost", [False, True])
def test_who_leaves_and_does_not_visit_the_logout_proves_nothing(
    visitor: Visitor, lost: bool
) -> None:
    visitor.enter()
    press(visitor)
    known = dict(visitor.at_cms.cookies)
    for name in known:
        del visitor.at_cms.browser.cookies[name]  # held back, so that nobody is recognised
    back_at_the_cms(visitor)
    if lost:
        fresh.caches()
    visitor.at_cms.browser.cookies.update(known)
    assert failure(visitor.get(CALLBACK)).reason == "no-proof"
    assert visitor.type == "anonymous"


@pytest.mark.remembers
def test_who_does_not_visit_the_logout_is_led_there_again(visitor: Visitor, library: Cms) -> None:
    """Else bib.dk, which was not left either, would make the CMS another cookie without a card."""
    visitor.enter()
    way = press(visitor)["Location"]
    led = visitor.get(START, again="1", next=BEHIND)
    assert led["Location"] == way
    visitor.at_cms.get(way)
    visitor.at_cms.sign_in("rikke", back_at_the_cms(visitor))
    assert visitor.get(CALLBACK)["Location"] == BEHIND
    assert not asks_again(visitor)


def test_who_does_not_visit_it_where_nothing_is_remembered_proves_nothing(visitor: Visitor) -> None:
    visitor.enter()
    press(visitor)
    fresh.caches()
    assert visitor.get(START, again="1", next=BEHIND)["Location"] == BEHIND
    assert asks_again(visitor)


@pytest.mark.parametrize("lost", [False, True])
def test_who_drops_our_cookie_first_proves_nothing(visitor: Visitor, lost: bool) -> None:
    visitor.enter()
    visitor.site.cookies.clear()
    if lost:
        fresh.caches()
    visitor.site.get(START, {"again": "1"})  # without the CMS's cookie
    assert visitor.get(CALLBACK)["Location"] == "/account/"
    assert asks_again(visitor)


def test_another_patrons_wish_proves_nothing(visitor: Visitor, library: Cms) -> None:
    """Whose living cookie is here has not left, but the person at the browser has a card too."""
    visitor.enter("lars")
    press(visitor)
    visitor.at_cms.sign_out()
    back_at_the_cms(visitor)
    owner = Patron(library)
    owner.sign_in("rikke")
    visitor.at_cms = owner
    assert failure(visitor.get(CALLBACK)).reason == "no-proof"
    assert visitor.type == "anonymous"


def test_the_honest_way_goes_by_the_logout_and_the_card(visitor: Visitor, library: Cms) -> None:
    visitor.enter()
    wanted = visitor.carry().post(BEHIND, {"unlink": "0"})
    assert "again=1" in (wanted["Location"] + onward(visitor.site, wanted)["Location"])
    way = press(visitor)["Location"]
    assert way == f"{library.url}/logout?current-path=/go-logout"
    assert visitor.at_cms.get(way).headers["Location"] == f"{SITE}/"
    assert "bibdk" not in visitor.at_cms.browser.cookies, "bib.dk would not ask for the card"
    assert visitor.type == "anonymous"
    led = visitor.at_cms.sign_in("rikke", back_at_the_cms(visitor))
    assert led == SITE + CALLBACK
    assert visitor.get(CALLBACK)["Location"] == BEHIND
    assert not asks_again(visitor)
    assert visitor.session()["user"]["name"] == "Rikke Læser"


def test_mapstores_way_goes_so_too_and_hands_a_new_pair_over(visitor: Visitor) -> None:
    visitor.enter()
    start = f"/openid/{SLUG}/login"
    visitor.at_cms.get(press(visitor, start)["Location"])
    visitor.at_cms.sign_in("rikke", back_at_the_cms(visitor, start))
    landed = visitor.get(visitor.get(CALLBACK)["Location"])
    assert landed["Location"] == BEHIND
    assert landed.cookies["tokens_key"].value
    assert not asks_again(visitor)


@pytest.mark.remembers
def test_mapstores_way_leads_to_the_logout_again_too(visitor: Visitor) -> None:
    visitor.enter()
    start = f"/openid/{SLUG}/login"
    way = press(visitor, start)["Location"]
    led = visitor.get(start, again="1", next=BEHIND)
    assert led["Location"] == way
    visitor.at_cms.get(way)
    visitor.at_cms.sign_in("rikke", back_at_the_cms(visitor, start))
    assert visitor.get(visitor.get(CALLBACK)["Location"])["Location"] == BEHIND
    assert not asks_again(visitor)


def test_who_is_out_at_the_cms_already_signs_in_at_once(visitor: Visitor) -> None:
    visitor.enter()
    stale = dict(visitor.at_cms.cookies)
    visitor.at_cms.sign_out()
    visitor.at_cms.browser.cookies.update(stale)  # it ended its own, and took no cookie back
    started = visitor.carry().get(press(visitor)["Location"])
    visitor.at_cms.browser.cookies.clear()
    visitor.at_cms.sign_in("rikke", started["Location"])
    assert visitor.get(CALLBACK)["Location"] == BEHIND
    assert not asks_again(visitor)


def test_no_page_of_others_signs_anybody_out_for_it(visitor: Visitor) -> None:
    visitor.enter()
    for query in ({"again": "1"}, {"again": "1", "anew": "1"}, {"again": "1", "why": "1"}):
        assert visitor.get(START, **query).status_code == 200
    assert visitor.type == "adgangsplatformen"


def test_what_to_do_next_is_said(visitor: Visitor) -> None:
    visitor.enter()
    press(visitor)
    known = dict(visitor.at_cms.cookies)
    visitor.at_cms.browser.cookies.clear()
    back_at_the_cms(visitor)
    visitor.at_cms.browser.cookies.update(known)
    page = visitor.site.get(visitor.get(CALLBACK)["Location"]).content.decode()
    assert "You were not asked for your card and PIN" in page
    assert "Sign out at the library first." in page


def test_who_cannot_be_stronger_is_not_signed_out_in_vain(visitor: Visitor) -> None:
    visitor.enter()
    refused = visitor.get(START, again="1", strength="substantial")
    assert failure(refused).reason == "too-weak"
    assert visitor.type == "adgangsplatformen"


def test_who_comes_once_only_is_told_and_stays(visitor: Visitor, source: Make) -> None:
    source(userinfo_url=None, subject_key=None, patron_url=None)
    visitor.enter()
    assert failure(visitor.get(START, again="1")).reason == "no-proof"
    assert visitor.type == "adgangsplatformen"
    assert Event.objects.filter(name="logout").count() == 0
