"""The CMS's cookie signs nobody in again without a click whose session somebody has had ended:
W8 and E09 of docs/threats.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from accounts.models import StoredSession, User
from tests.http.cms.conftest import Visitor
from tests.http.conftest import PASSWORD, sign_in, stored
from tests.peers import fresh
from tests.peers.cms import Cms

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
