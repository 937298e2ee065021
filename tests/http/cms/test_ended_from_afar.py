"""The CMS's cookie signs nobody in again without a click whose session somebody has had ended, or
was at a shared computer: W8, E09, U30 and U31 of docs/threats.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import StoredSession, User
from tests.http.cms.conftest import CALLBACK, Visitor
from tests.http.conftest import PASSWORD, later, sign_in, stored
from tests.http.onward import onward
from tests.peers import fresh
from tests.peers.cms import SITE, Cms

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.remembers]


def _by_themselves(library: Cms, person: User) -> None:
    phone = Visitor(library)
    phone.enter()
    phone.carry().post("/account/sessions", {"end": "others"})


def _admin() -> Client:
    User.objects.create_superuser("ada", PASSWORD).give_local_identity()
    client = Client()
    sign_in(client, "ada")
    return client


def _by_an_administrator(library: Cms, person: User) -> None:
    _admin().post(f"/admin/accounts/user/{person.pk}/person/", {"act": "end-all"})


def _by_deletion(library: Cms, person: User) -> None:
    _admin().post(f"/admin/accounts/user/{person.pk}/delete/", {"post": "yes"})


def who_is_led_on(visitor: Visitor) -> list[Any]:
    """Ask for a protected page, twice. Returns the pages to which that leads."""
    asked = visitor.get("/account/")
    assert asked.status_code == 302, asked.content
    return [visitor.get(asked["Location"]), visitor.get("/login", next="/account/")]


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (_by_themselves, "from another of your devices"),
        (_by_an_administrator, "by an administrator of this site"),
        (_by_deletion, "your account was closed"),
    ],
)
def test_e09_who_was_signed_out_from_afar_stays_out(
    visitor: Visitor, library: Cms, end: Callable[[Cms, User], None], said: str
) -> None:
    visitor.enter()
    row = stored(visitor.site)
    assert row.user
    end(library, row.user)
    assert not StoredSession.objects.filter(uid=row.uid).exists()
    fresh.feed()
    told, later_on = who_is_led_on(visitor)
    assert (told.status_code, later_on.status_code) == (200, 200)
    assert said in told.content.decode()
    assert "Continue as patron" not in told.content.decode()
    assert visitor.type == "anonymous"
    assert visitor.enter()["Location"] == "/account/", "by a click"


@pytest.mark.parametrize("closed", [False, True])
def test_u30_who_comes_next_at_a_shared_computer_is_not_the_last_patron(
    visitor: Visitor, library: Cms, closed: bool
) -> None:
    started = visitor.get("/auth/login/library", shared="1")
    visitor.at_cms.sign_in("lars", started["Location"])
    visitor.get(CALLBACK)
    assert stored(visitor.site).shared
    if closed:
        visitor.site.cookies.clear()
    with later(visitor.site, minutes=12):
        assert [page.status_code for page in who_is_led_on(visitor)] == [200, 200]
        page = visitor.get("/login", shared="1").content.decode()
        assert "Continue as patron" not in page
        begun = visitor.get("/auth/login/library", shared="1")["Location"]
        assert begun.startswith(f"{library.url}/logout")
        assert visitor.at_cms.get(begun).headers["Location"] == f"{SITE}/"
        led = visitor.get(onward(visitor.site, visitor.get("/"))["Location"])
        visitor.at_cms.sign_in("rikke", led["Location"])
        visitor.get(CALLBACK)
        assert visitor.session()["user"]["name"] == "Rikke Læser"


def test_u30_nor_by_the_cookie_that_took_the_place_of_the_first(
    visitor: Visitor, library: Cms
) -> None:
    started = visitor.get("/auth/login/library", shared="1")
    visitor.at_cms.sign_in("lars", started["Location"])
    visitor.get(CALLBACK)
    visitor.at_cms.sign_in("lars", "/login?current-path=/")  # at the library's own site
    assert visitor.type == "adgangsplatformen"
    with later(visitor.site, minutes=12):
        assert [page.status_code for page in who_is_led_on(visitor)] == [200, 200]
