"""The library becomes another way in for whoever really signs in there (U39)."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import Identity, User
from tests.http.cms.conftest import CALLBACK, SLUG, Visitor, failure
from tests.http.conftest import sign_in
from tests.http.onward import onward
from tests.peers.cms import Cms, Patron

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def victim(visitor: Visitor, person: User) -> Visitor:
    """Give somebody who has begun to link the library, and has signed in there with their card."""
    sign_in(visitor.site)
    started = onward(visitor.site, visitor.carry().post("/account/sign-ins", {"link": SLUG}))
    visitor.at_cms.sign_in("rikke", started["Location"])
    return visitor


def comes_back(victim: Visitor, *planted: str) -> Any:
    """Come back from the CMS, with what a neighbour has planted for the path `/auth` first."""
    own = [f"{name}={morsel.value}" for name, morsel in victim.site.cookies.items() if morsel.value]
    living = [f"{name}={value}" for name, value in victim.at_cms.cookies.items()]
    header = "; ".join([*planted, *(each for each in own if "SESS" not in each), *living])
    return victim.site.get(CALLBACK, headers={"Cookie": header})


def of(library: Cms, person: str) -> str:
    """Sign a person in at the CMS. Returns their cookie."""
    there = Patron(library)
    there.sign_in(person, "/login?current-path=/")
    ((name, value),) = there.cookies.items()
    return f"{name}={value}"


def test_a_planted_cookie_links_nobody(victim: Visitor, library: Cms) -> None:
    refused = comes_back(victim, of(library, "lars"))
    assert failure(refused).reason == "login-failed"
    assert not Identity.objects.filter(source__slug=SLUG).exists()
    page = victim.site.get(refused["Location"]).content.decode()
    assert "as more than one person. Nothing was added." in page
    assert "remove its cookies" in page


def test_as_many_as_are_looked_at_hide_nobody_behind_them(victim: Visitor, library: Cms) -> None:
    planted = [of(library, "lars") for _ in range(3)]
    assert failure(comes_back(victim, *planted)).reason == "login-failed"
    assert not Identity.objects.filter(source__slug=SLUG).exists()


def test_a_dead_one_stands_in_nobodys_way(victim: Visitor, person: User) -> None:
    ((name, _value),) = victim.at_cms.cookies.items()
    assert comes_back(victim, f"{name}=dead")["Location"] == "/account/sign-ins"
    assert person.identities.filter(source__slug=SLUG).exists()


def test_two_of_one_patron_are_one_patron(victim: Visitor, library: Cms, person: User) -> None:
    assert comes_back(victim, of(library, "rikke"))["Location"] == "/account/sign-ins"
    assert person.identities.filter(source__slug=SLUG).exists()


def test_who_was_added_is_said(victim: Visitor) -> None:
    comes_back(victim)
    page = victim.get("/account/sign-ins").content.decode()
    assert "There you are: Rikke Læser. Is that not you? Then remove it here at once." in page
