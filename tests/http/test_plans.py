"""With ten thousand people, ways in and sessions, and thirty thousand events, no
statement looks at more of a large table than what it is about (docs/scale.md 2).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from accounts.models import Source, User
from portal.door import lists
from portal.operations.charts import figures
from tests.http.conftest import PASSWORD, sign_in
from tests.peers import database, many, plans

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
MANY, EVENTS_EACH = 10_000, 3


@pytest.fixture(scope="module")
def town(django_db_setup: None, django_db_blocker: Any) -> Iterator[Source]:
    with django_db_blocker.unblock():
        source = Source.objects.create(slug="town", provider="local", label="Town")
        many.fill(source.pk, source.slug, 0, MANY, EVENTS_EACH)
        many.settle()
        yield source
        database.sweep("default")


@pytest.fixture
def admin(town: Source, house: None, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr(lists, "MOST", 200)
    monkeypatch.setattr(lists, "MOST_PEOPLE", 10)
    User.objects.create_superuser("ada", PASSWORD, name="Ada")
    browser = Client()
    sign_in(browser, "ada")
    figures.counted()  # every five minutes
    return browser


SESSIONS, EVENTS = "accounts/storedsession", "accounts/event"
PEOPLE, WAYS = "accounts/user", "accounts/identity"
TOKENS = "authorization_server/accesstoken"


@pytest.mark.parametrize(
    "page",
    [
        SESSIONS, f"{SESSIONS}/?p=3", f"{SESSIONS}/?type=oidc", f"{SESSIONS}/?source=town",
        f"{SESSIONS}/?o=1", f"{SESSIONS}/?kind__exact=browser",
        f"{SESSIONS}/?q={many.uid_of(5)}", f"{SESSIONS}/?q={many.uid_of(5)[:9]}",
        f"{SESSIONS}/?q=person-77", f"{SESSIONS}/?q=Lund7", f"{SESSIONS}/?q=nobody",
        EVENTS, f"{EVENTS}/?name=logout", f"{EVENTS}/?name=login.failed", f"{EVENTS}/?source=town",
        f"{EVENTS}/?reason=disabled", f"{EVENTS}/?actor=administrator", f"{EVENTS}/?o=2",
        f"{EVENTS}/?q=person-77", f"{EVENTS}/?q=abcd-ef01", f"{EVENTS}/?q={many.uid_of(5)}",
        f"{EVENTS}/?q=town", f"{EVENTS}/?q=192.0.2.7", f"{EVENTS}/?q=nobody",
        PEOPLE, f"{PEOPLE}/?status__exact=disabled", f"{PEOPLE}/?is_staff__exact=1",
        f"{PEOPLE}/?is_superuser__exact=1", f"{PEOPLE}/?q={many.subject_of(7)}",
        f"{PEOPLE}/?o=3", f"{PEOPLE}/?q=person-7777", f"{PEOPLE}/?q=nobody",
        WAYS, f"{WAYS}/?q={many.subject_of(7)}", f"{WAYS}/?q=person-77", f"{WAYS}/?o=2",
        TOKENS, f"{TOKENS}/?q=person-77", f"{TOKENS}/?o=2",
        "operations/awaitingperson", "",
    ],
)  # fmt: skip
def test_a_page_of_the_administration(page: str, admin: Client) -> None:
    path, _, query = page.partition("?")
    with plans.looking():
        answer = admin.get(f"/admin/{path.strip('/')}/?{query}".replace("//", "/"), follow=True)
    assert answer.status_code == 200
