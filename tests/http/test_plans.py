"""With ten thousand people, ways in and sessions, and thirty thousand events, no
statement looks at more of a large table than what it is about (docs/scale.md 1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts import ended, events
from accounts.models import EndedEntry, Source, StoredSession, User, clearing
from accounts.provider import Ended, Visit
from accounts.session import afar, following, people
from accounts.session.typed import Session
from portal.authorization_server.models import AccessToken
from portal.door import lists
from portal.operations.charts import figures
from tests.http.conftest import PASSWORD, enter, sign_in
from tests.peers import database, fresh, many, plans

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
MANY, EVENTS_EACH = 10_000, 3


@pytest.fixture(scope="module")
def town(django_db_setup: None, django_db_blocker: Any) -> Iterator[Source]:
    with django_db_blocker.unblock():
        upstream = {"upstream": "https://town.example"}
        source = Source.objects.create(slug="town", provider="tenant", settings=upstream)
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
    figures.counted()  # once a minute
    return browser


SESSIONS, EVENTS = "accounts/storedsession", "accounts/event"
PEOPLE, WAYS = "accounts/user", "accounts/identity"
TOKENS = "authorization_server/accesstoken"
NAME = many.username_of(7777)


@pytest.mark.parametrize(
    "page",
    [
        SESSIONS, f"{SESSIONS}/?p=3", f"{SESSIONS}/?type=oidc", f"{SESSIONS}/?source=town",
        f"{SESSIONS}/?o=1", f"{SESSIONS}/?kind__exact=browser",
        f"{SESSIONS}/?q={many.uid_of(5)}", f"{SESSIONS}/?q={many.uid_of(5)[:9]}",
        f"{SESSIONS}/?q={NAME}", f"{SESSIONS}/?q=Agnes+Lund", f"{SESSIONS}/?q=nobody",
        EVENTS, f"{EVENTS}/?name=logout", f"{EVENTS}/?name=login.failed", f"{EVENTS}/?source=town",
        f"{EVENTS}/?reason=disabled", f"{EVENTS}/?actor=administrator", f"{EVENTS}/?o=2",
        f"{EVENTS}/?q={NAME}", f"{EVENTS}/?q=abcd-ef01", f"{EVENTS}/?q={many.uid_of(5)}",
        f"{EVENTS}/?q=town", f"{EVENTS}/?q=192.0.2.7", f"{EVENTS}/?q=nobody",
        PEOPLE, f"{PEOPLE}/?status__exact=disabled", f"{PEOPLE}/?is_staff__exact=1",
        f"{PEOPLE}/?is_superuser__exact=1", f"{PEOPLE}/?q={many.subject_of(7)}",
        f"{PEOPLE}/?o=3", f"{PEOPLE}/?q={NAME}", f"{PEOPLE}/?q=nobody",
        WAYS, f"{WAYS}/?q={many.subject_of(7)}", f"{WAYS}/?q={NAME}", f"{WAYS}/?o=2",
        TOKENS, f"{TOKENS}/?q={NAME}", f"{TOKENS}/?o=2",
        "operations/awaitingperson",
        pytest.param("", marks=pytest.mark.remembers),  # what is many is counted once a minute
    ],
)  # fmt: skip
def test_a_page_of_the_administration(page: str, admin: Client) -> None:
    path, _, query = page.partition("?")
    with plans.looking():
        answer = admin.get(f"/admin/{path.strip('/')}/?{query}".replace("//", "/"), follow=True)
    assert answer.status_code == 200


# --- What people and sources do -------------------------------------------------------------------


@pytest.fixture
def crowded(person: User, town: Source) -> User:
    """Give somebody two thousand sessions."""
    many.crowd(person.pk, "town", MANY, MANY + 2000)
    return person


def test_a_person_signs_in_and_is_known_by_cookie_and_by_row(
    town: Source, tenant: Callable[..., Source]
) -> None:
    tenant("village")
    for _newcomer_then_known in range(2):
        client = Client()
        with plans.looking(100):
            assert enter(client, "village")["Location"] == "/account/"
            assert client.get("/auth/session").json()["isLoggedIn"]
            fresh.caches()
            assert client.get("/auth/session").json()["isLoggedIn"]
    with plans.looking(100):
        assert client.post("/auth/logout").status_code == 303


def test_a_source_ends_by_sid_and_by_subject(town: Source) -> None:
    source = cast(Any, SimpleNamespace(slug="town"))
    for told in (
        Ended(many.ISSUER, "1", sid=many.sid_of(3)),
        Ended(many.ISSUER, "2", subject=many.subject_of(4)),
        Ended(many.ISSUER, "3", subject=many.subject_of(5), sid=many.sid_of(5)),
    ):
        with plans.looking(100):
            assert afar._end_with_children(source, told) == 1


def test_all_of_a_person_with_two_thousand_sessions_end(crowded: User) -> None:
    with plans.looking(5000):
        assert people.end_all(crowded.pk, "a test") == 2000


def test_the_pages_of_a_person_with_two_thousand_sessions(admin: Client, crowded: User) -> None:
    browser = Client()
    sign_in(browser)
    with plans.looking(4000):
        assert admin.get(f"/admin/accounts/user/{crowded.pk}/person/").status_code == 200
        devices = browser.get("/account/sessions")
        assert browser.get("/account/sign-ins").status_code == 200
    assert len(devices.context["rows"]) == 100
    assert "there are more" in devices.content.decode()


def test_a_source_is_asked_about_its_people_a_hundred_at_a_time(town: Source) -> None:
    source = SimpleNamespace(slug="town", description=SimpleNamespace(issuer=many.ISSUER))
    with plans.looking(500):
        batches = following._batches(cast(Any, source))
        assert [len(next(batches)) for _ in range(3)] == [100] * 3


def test_the_feed_is_read_from_where_it_still_counts(town: Source) -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    EndedEntry.objects.bulk_create(
        EndedEntry(kind="session", value=f"{number:032d}", at=long_ago) for number in range(MANY)
    )
    feed = ended.Feed()
    ended.announce("session", ["a"])
    with plans.looking(2500):
        assert ("session", "a") in feed.refreshed().entries


def test_what_is_repeated_is_found_to_be_counted(town: Source) -> None:
    session = Session(uid=many.uid_of(3), source="town", type="oidc")
    for _again in range(2):
        with plans.looking(100):
            events.count_for_session("login.succeeded", session)
            events.count(events.event("login.failed", Visit("192.0.2.7"), source="town"))
    with plans.looking(100):
        assert clearing.delete(events.of_strangers().order_by("at"), 100) == 1


def test_fleeting_ways_in_are_found_by_their_beginning(town: Source) -> None:
    for beginning in ("nobody:", many.subject_of(1)[:2]):
        with plans.looking(200):
            assert people._forget_fleeting(town, beginning) == 0


def test_expired_tokens_are_found_without_a_look_at_the_others(town: Source) -> None:
    AccessToken.objects.filter(session_id=many.uid_of(0)).update(expires=timezone.now())
    with plans.looking(500):
        call_command("clear_expired")
    assert AccessToken.objects.count() == MANY // 10 - 1


def test_the_clean_up_goes_in_small_steps(
    crowded: User, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.VESTIBULE_DORMANT = timedelta(days=400)
    many.crowd(crowded.pk, "town", MANY + 2000, MANY + 3000, expires="10")
    monkeypatch.setattr(clearing, "AT_ONCE", 100)
    with plans.looking(2500):
        call_command("clear_expired")
    assert StoredSession.objects.count() == MANY + 2000
