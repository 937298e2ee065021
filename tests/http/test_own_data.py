"""One's own data at `/account/data`: seen, taken along, deleted (docs/contract.md 1)."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from time_machine import travel

from accounts import events
from accounts.models import Event, Identity, Source, StoredSession, StoredTokens, User
from accounts.session import administrators, erasure
from accounts.session.store import rewrite
from portal.authorization_server.models import AccessToken, Consent
from portal.gateway.models import HostSession
from tests.http.conftest import PASSWORD, enter, sign_in, stored
from tests.http.oauth.application import Application, register
from tests.http.oauth.test_meanwhile import closing, wait_for
from tests.http.oidc.conftest import parallel
from tests.http.onward import onward
from tests.peers.upstream import Upstream

pytestmark = pytest.mark.django_db(transaction=True)
Tenant = Callable[..., Source]
YEAR = timedelta(days=365)


@pytest.fixture
def bob(tenant: Tenant) -> Client:
    """Give the browser of somebody whose source lets them delete their account."""
    tenant(columns={"allow_erasure": True})
    own = Client()
    enter(own, "town")
    return own


def exported(client: Client) -> list[dict[str, Any]]:
    response = client.get("/account/data/export")
    assert response["Content-Disposition"] == 'attachment; filename="account.json"'
    assert response["Cache-Control"] == "no-store"
    found: list[dict[str, Any]] = response.json()["data"]
    return found


def the(claims: list[dict[str, Any]], about: str, name: str) -> dict[str, Any]:
    (found,) = [each for each in claims if (each["about"], each["name"]) == (about, name)]
    return found


def erase(client: Client) -> Any:
    return client.post("/account/data/delete")


# --- Seen and taken along -------------------------------------------------------------------------


def test_each_value_says_from_whom_and_for_how_long(bob: Client) -> None:
    Application(register(), bob).sign_in()
    row, claims = stored(bob), exported(bob)
    assert the(claims, "person", "name")["value"] == "Bob"
    assert the(claims, "person", "name")["from"] == "town"
    way = the(claims, "sign-in", "sub")
    assert (way["value"], way["from"], way["until"]) == ("bob", "town", None)
    assert way["since"] == Identity.objects.get().created_at.isoformat()
    mine = the(claims, "session", "address")
    assert (mine["value"], mine["from"]) == ("127.0.0.1", "town")
    assert (mine["since"], mine["until"]) == (
        row.created_at.isoformat(),
        StoredSession.objects.get(pk=row.pk).expire_date.isoformat(),
    )
    assert the(claims, "session", "tokens")["value"] == "sealed"
    assert the(claims, "application", "application")["value"] == "The App"
    events = {each["value"] for each in claims if each["name"] == "event"}
    assert {"login.succeeded", "person.enrolled"} <= events


def test_who_else_has_something_of_them_is_told(bob: Client) -> None:
    """The institution's own applications, of which nobody is asked, and hosts of the gateway."""
    own = Application(register("own", name="The House", skip_authorization=True), bob)
    own.sign_in(scope="openid profile")
    Application(register(), bob).sign_in(scope="openid profile email")
    row, user = stored(bob), User.objects.get()
    HostSession.objects.create(digest="0" * 64, session_id=row.uid, host="files.example")
    ends = StoredSession.objects.get(pk=row.pk).expire_date.isoformat()
    known = [each for each in exported(bob) if each["name"] == "application"]
    assert sorted(each["value"] for each in known) == ["The App", "The House", "files.example"]
    (house,) = [each for each in known if each["value"] == "The House"]
    assert house["until"] == ends
    scopes = [each["value"] for each in exported(bob) if each["name"] == "scope"]
    assert sorted(scopes) == ["openid profile", "openid profile email"]
    AccessToken.objects.filter(user=user).delete()  # by time; that it was told of a session stays
    told = [each["value"] for each in exported(bob) if each["name"] == "application"]
    assert "The House" in told
    page = bob.get("/account/data").content.decode()
    assert "The House" in page
    assert "files.example" in page


def test_when_a_session_and_a_browser_were_seen_last_is_told(client: Client, person: User) -> None:
    sign_in(client)
    for about in ("session", "device"):
        seen = the(exported(client), about, "last_seen")["value"]
        assert timezone.now() - datetime.fromisoformat(seen) < timedelta(hours=1)
    assert "<dt>Last seen</dt>" in client.get("/account/data").content.decode()


def test_what_they_did_to_others_is_told_without_whom(bob: Client) -> None:
    user, other = User.objects.get(), User.objects.create_user("otto", PASSWORD)
    Event.objects.create(
        name="identity.unlinked", user=other, by=user, actor="administrator",
        address="198.51.100.77", detail="a reason that names Otto", support_code="BCDF-GHJK",
    )  # fmt: skip
    claims = exported(bob)
    assert [each for each in claims if each["value"] == "identity.unlinked"]
    assert [each for each in claims if each["value"] == "198.51.100.77"]
    assert "Otto" not in str(claims)


def test_no_secret_is_among_it(bob: Client) -> None:
    text = str(exported(bob)) + bob.get("/account/data").content.decode()
    row = stored(bob)
    for secret in (row.session_key, row.session_data, "at-bob", "rt-bob", "it-bob"):
        assert secret not in text


def test_no_address_of_who_changed_somebody_is_among_it(bob: Client) -> None:
    Event.objects.create(
        name="person.changed", user=User.objects.get(), address="192.0.2.7", actor="administrator"
    )
    text = str(exported(bob)) + bob.get("/account/data").content.decode()
    assert "person.changed" in text
    assert "192.0.2.7" not in text


def test_the_page_says_the_same_in_words(bob: Client) -> None:
    page = bob.get("/account/data").content.decode()
    for said in ("Your data", "Your ways to sign in", "Town", "Where you are signed in", "bob"):
        assert said in page
    assert "<summary>Signed in" in page
    assert "login.succeeded" not in page
    # By `download` Chromium would save the sign-in page of who is signed out meanwhile.
    assert '<a class="button secondary" href="/account/data/export">' in page
    assert 'href="/account/data"' in bob.get("/account/").content.decode()


def test_what_the_log_says_is_said_to_be_english(bob: Client) -> None:
    ended = events.event("logout", user=StoredSession.objects.get().user, detail="idle")
    events.record(ended)
    page = bob.get("/account/data", headers={"accept-language": "da"}).content.decode()
    assert '<html lang="da">' in page
    assert '<dd lang="en">idle</dd>' in page


def test_how_one_signed_in_is_said_in_words(client: Client, person: User) -> None:
    sign_in(client)
    page = client.get("/account/data").content.decode()
    for name, said in (
        ("How firmly you proved who you are", "low"),
        ("By which means", "password"),
    ):
        assert re.search(rf"<dt>{name}</dt>\s*<dd>{said}</dd>", page), name
    assert the(exported(client), "session", "amr")["value"] == ["pwd"]


@pytest.mark.wire
def test_whatever_a_source_has_said_is_shown(bob: Client) -> None:
    said = {
        "late": "9999-12-31T23:59:59Z",
        "early": "0001-01-01T00:00:00+14:00",
        "never": "2025-02-30T10:00:00",
        "plain": "9999-12-31T23:59:59",
        **{name: [["a"], {"b": 1}] for name in ("status", "kind", "user_agent", "reason", "amr")},
    }
    rewrite(StoredSession.objects.all(), lambda session: replace(session, claims=said))
    shown = bob.get("/account/data").content.decode()
    for value in ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "2025-02-30T10:00:00"):
        assert f"<dd>{value}</dd>" in shown
    assert '<time datetime="9999-12-31T23:59:59' in shown
    assert the(exported(bob), "session", "status")["value"] == [["a"], {"b": 1}]


def test_what_stands_under_ways_to_sign_in_leads_somewhere(bob: Client, person: User) -> None:
    assert "/account/second-factor" not in bob.get("/account/sign-ins").content.decode()
    sign_in(own := Client())
    assert "/account/second-factor" in own.get("/account/sign-ins").content.decode()


def test_nobody_sees_another_persons(bob: Client, person: User) -> None:
    alice = Client()
    sign_in(alice)
    assert "bob" not in str(exported(alice)).lower()
    assert "alice" not in str(exported(bob)).lower()


@pytest.mark.parametrize("path", ["data", "data/export", "data/delete"])
def test_strangers_sign_in_first(client: Client, house: None, path: str) -> None:
    assert client.get(f"/account/{path}")["Location"].startswith("/login?")


# --- Deleted --------------------------------------------------------------------------------------


def test_who_may_deletes_their_account_with_all_that_is_theirs(bob: Client) -> None:
    app = Application(register(), bob)
    app.sign_in(scope="openid offline_access")
    user = User.objects.get()
    page = bob.get("/account/data/delete").content.decode()
    assert "It cannot be undone" in page
    erase(bob)
    for model in (User, Identity, StoredSession, StoredTokens, AccessToken, Consent):
        assert not model._default_manager.exists(), model
    assert app.userinfo().status_code == 401
    assert "Your account is deleted" in bob.get("/").content.decode()
    kept = Event.objects.all()
    assert {"login.succeeded", "person.erased", "logout"} <= {each.name for each in kept}
    assert not kept.exclude(user=None).exists()
    before = kept.exclude(name="page.refused")
    assert not before.exclude(address=None).exists()
    told = [str(value) for each in kept.values() for value in each.values()]
    assert not [text for text in told if "Bob" in text or user.username in text]


def test_the_upstream_is_visited_on_the_way_out(tenant: Tenant) -> None:
    tenant(columns={"allow_erasure": True}, leaves_by="visit")
    own = Client()
    enter(own, "town")
    assert "/logout?" in onward(own, erase(own))["Location"]
    assert not User.objects.exists()
    assert "Your account is deleted" in own.get("/").content.decode()


def test_where_a_source_does_not_allow_it(tenant: Tenant) -> None:
    tenant()
    own = Client()
    enter(own, "town")
    assert own.get("/account/data/delete").status_code == 404
    assert erase(own).status_code == 404
    assert "You cannot do that here yourself" in own.get("/account/data").content.decode()
    assert User.objects.exists()


def test_each_way_in_must_allow_it(bob: Client, tenant: Tenant) -> None:
    tenant("school")
    school = Source.objects.get(slug="school")
    Identity.objects.create(source=school, subject="b", issuer="x", user=User.objects.get())
    assert erase(bob).status_code == 404


def test_a_proof_of_long_ago_is_asked_for_again(bob: Client) -> None:
    with travel(timezone.now() + timedelta(minutes=20), tick=True):
        assert "again=1" in onward(bob, erase(bob))["Location"]
    assert User.objects.exists()


def test_a_form_elsewhere_deletes_nothing(bob: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = bob.cookies
    assert erase(strict).status_code == 403
    assert User.objects.exists()


def test_staff_do_not_take_their_name_out_of_what_they_did(house: None) -> None:
    Source.objects.filter(slug="local").update(allow_erasure=True)
    clerk = User.objects.create_user("carl", PASSWORD, is_staff=True)
    clerk.give_local_identity()
    did = Event.objects.create(name="person.disabled", by=clerk)
    browser = Client()
    sign_in(browser, "carl")
    for rights in ({"is_staff": True}, {"is_staff": False, "is_superuser": True}):
        User.objects.filter(pk=clerk.pk).update(**rights)
        assert erase(browser).status_code == 404
        page = browser.get("/account/data").content.decode()
        assert "Somebody with all rights takes these rights away first" in page
    did.refresh_from_db()
    assert did.by == clerk
    User.objects.filter(pk=clerk.pk).update(is_superuser=False)
    erase(browser)
    assert not User.objects.exists()


@pytest.mark.parametrize("way", ["self", "staff", "dormant"])
def test_no_address_is_left_of_who_was_an_operator_once(
    way: str, house: None, settings: Any
) -> None:
    """What they did to others stays among the events, and from where they did it does not."""
    Source.objects.filter(slug="local").update(allow_erasure=True)
    root = User.objects.create_superuser("root", PASSWORD)
    clerk = User.objects.create_superuser("carl", PASSWORD)
    other = User.objects.create_user("otto", PASSWORD)
    own = Client(REMOTE_ADDR="198.51.100.77")
    sign_in(own, "carl")
    own.post(f"/admin/accounts/user/{other.pk}/person/", {"act": "disable"})
    own.post("/admin/auth/group/add/", {"name": "Readers"})
    did = Event.objects.filter(by=clerk).exclude(user=clerk)
    assert {each.address for each in did} == {"198.51.100.77"}
    names = {each.name for each in did}
    assert names == {"person.disabled", "role.created"}
    User.objects.filter(pk=clerk.pk).update(is_staff=False, is_superuser=False)
    if way == "self":
        erase(own)
    elif way == "staff":
        sign_in(chief := Client(), "root")
        chief.post(f"/admin/accounts/user/{clerk.pk}/delete/", {"post": "yes"})
    else:
        settings.VESTIBULE_DORMANT = YEAR
        StoredSession.objects.all().delete()
        User.objects.filter(pk=clerk.pk).update(seen_at=timezone.now() - 2 * YEAR)
        call_command("clear_expired")
    assert {*User.objects.all()} == {root, other}
    assert not Event.objects.filter(address="198.51.100.77").exists()
    kept = Event.objects.filter(name__in=names)
    assert kept.count() == 2
    assert kept.get(name="role.created").detail == '"Readers"'


def test_the_last_administrator_stays(house: None) -> None:
    Source.objects.filter(slug="local").update(allow_erasure=True)
    User.objects.create_superuser("root", PASSWORD)
    root = Client()
    sign_in(root, "root")
    assert erase(root).status_code == 404
    User.objects.create_superuser("ada", PASSWORD)
    assert erase(root).status_code == 404
    assert User.objects.count() == 2


def test_of_two_administrators_who_are_erased_at_once_one_stays(house: None) -> None:
    left = iter([User.objects.create_superuser(name, PASSWORD) for name in ("root", "ada")])

    def go() -> None:
        with suppress(administrators.LastAdministratorError):
            erasure.erase(next(left), "by the person")

    parallel(2, go)
    assert User.objects.count() == 1


def test_who_was_erased_may_come_again_as_somebody_new(bob: Client) -> None:
    before = User.objects.get().uid
    erase(bob)
    enter(bob, "town")
    assert User.objects.get().uid != before


# --- Who stays away -------------------------------------------------------------------------------


@pytest.fixture
def away(bob: Client, settings: Any) -> User:
    """Give somebody who left and has not come again for two years."""
    settings.VESTIBULE_DORMANT = YEAR
    bob.post("/auth/logout")
    User.objects.update(seen_at=timezone.now() - 2 * YEAR)
    return User.objects.get()


def test_who_stays_away_is_erased_after_the_time_that_is_set(away: User) -> None:
    call_command("clear_expired")
    assert not User.objects.exists()
    (line,) = Event.objects.filter(name="person.erased")
    assert (line.detail, line.actor) == ("stayed away", "site")
    assert not Event.objects.exclude(user=None).exists()


def test_nobody_is_where_nothing_is_set(away: User, settings: Any) -> None:
    settings.VESTIBULE_DORMANT = timedelta(0)
    call_command("clear_expired")
    assert User.objects.exists()


@pytest.mark.parametrize(
    "kept", [{"is_staff": True}, {"is_superuser": True}, {"status": "disabled"}]
)
def test_administrators_and_who_was_disabled_stay(away: User, kept: dict[str, Any]) -> None:
    User.objects.update(**kept)
    call_command("clear_expired")
    assert User.objects.exists()


def test_who_has_a_device_still_is_not_away(away: User) -> None:
    StoredSession.objects.create(
        session_key="0" * 64, kind="client", user=away, session_data="x",
        expire_date=timezone.now() + timedelta(days=1),
    )  # fmt: skip
    call_command("clear_expired")
    assert User.objects.exists()


@pytest.mark.parametrize(("days", "stays"), [(1, True), (366, False)])
def test_who_came_by_a_device_alone_is_away_since_its_last_use(
    away: User, days: int, stays: bool
) -> None:
    """Not since the sign-in by which it came: whose app password or application was in use until
    it ended was erased in that night.
    """
    used = timezone.now() - timedelta(days=days)
    for number, at in enumerate((used, used - timedelta(days=9))):
        StoredSession.objects.create(
            session_key=str(number) * 64, kind="client", user=away, session_data="x",
            created_at=away.seen_at, last_seen_at=at, expire_date=used + timedelta(hours=1),
        )  # fmt: skip
    call_command("clear_expired")
    assert not StoredSession.objects.exists()
    assert [each.seen_at for each in User.objects.all()] == ([used] if stays else [])


def test_a_sign_in_counts_and_writes_once_a_day(away: User, peer: Upstream) -> None:
    own = Client()
    enter(own, "town")
    first = User.objects.get().seen_at
    assert timezone.now() - first < timedelta(minutes=1)
    enter(Client(), "town")
    assert User.objects.get().seen_at == first


def test_many_are_erased_a_few_at_a_time(away: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "BATCH", 2)
    long_ago = timezone.now() - 2 * YEAR
    for number in range(4):
        User.objects.create_user(f"u{number}", seen_at=long_ago)
    User.objects.create_user("here")
    told = Event.objects.create(name="session.ended", detail="by u1")
    assert erasure.erase_dormant() == 5
    assert [each.username for each in User.objects.all()] == ["here"]
    told.refresh_from_db()
    assert told.detail == "by u1", "what others' events say stays, whatever somebody is called"


def test_who_is_erased_for_staying_away_holds_up_nobody_else(away: User) -> None:
    """Each goes by themselves, no administrator is held, and who becomes one meanwhile stays."""
    ada = User.objects.create_superuser("ada", PASSWORD)
    late = User.objects.create_user("late", seen_at=away.seen_at)
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            list(User.objects.select_for_update().filter(pk__in=[ada.pk, late.pk]))
            erased = pool.submit(closing, erasure.erase_dormant)
            wait_for(1)
            left = User.objects.filter(pk=away.pk).exists()
            User.objects.filter(pk=late.pk).update(is_staff=True)
        assert erased.result(30) == 1
    assert not (left and connection.vendor == "postgresql")
    assert {*User.objects.all()} == {ada, late}


def test_who_comes_back_at_that_moment_stays_or_is_new_and_is_signed_in(away: User) -> None:
    own = Client()

    def come() -> Any:
        return enter(own, "town")

    works = iter([come, erasure.erase_dormant])
    parallel(2, lambda: next(works)())
    with transaction.atomic():
        assert User.objects.count() == 1
    assert own.get("/auth/session").json()["isLoggedIn"] is True


def test_the_page_says_when_that_would_be(bob: Client, settings: Any) -> None:
    assert "If you do not sign in again" not in bob.get("/account/data").content.decode()
    settings.VESTIBULE_DORMANT = YEAR
    assert "If you do not sign in again" in bob.get("/account/data").content.decode()
    until = the(exported(bob), "sign-in", "sub")["until"]
    assert until == (User.objects.get().seen_at + YEAR).isoformat()
