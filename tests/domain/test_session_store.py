"""docs/architecture.md 5, point by point."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.sessions.backends.base import UpdateError
from django.core.cache import caches
from django.db import connection
from django.utils import timezone

from accounts import cache
from accounts.keyring import digest
from accounts.models import EndedEntry, StoredSession, StoredTokens, User
from accounts.models.users import new_uid
from accounts.provider import UNKNOWN, TokenSet
from accounts.session import vault
from accounts.session.ending import end
from accounts.session.store import SessionStore, rewrite
from accounts.session.typed import Session
from tests.peers import fresh
from tests.peers.dead_cache import dead_cache

pytestmark = pytest.mark.django_db(transaction=True)


def session(**changes: Any) -> Session:
    return Session(
        **{"uid": new_uid(), "type": "local", "source": "local", "subject": "s", **changes}
    )


def started(typed: Session | None = None, **columns: Any) -> SessionStore:
    typed = typed or session()
    store = SessionStore()
    row = store.begin(typed, {}, type=typed.type, source=typed.source, **columns)
    row.save(force_insert=True)
    return store


def reloaded(store: SessionStore) -> SessionStore:
    return SessionStore(store.session_key)


def test_the_row_is_found_by_the_digest_and_never_holds_the_cookies_value() -> None:
    store = started()
    row = StoredSession.objects.get(session_key=digest(store.session_key))
    assert len(row.session_key) == 64
    assert store.session_key not in str(row.__dict__)
    assert reloaded(store).typed.uid == row.uid


def test_the_payload_is_sealed_for_its_own_key() -> None:
    one, two = started(session(name="Alice")), started()
    mine = StoredSession.objects.get(session_key=one.key_digest)
    assert "Alice" not in mine.session_data
    StoredSession.objects.filter(session_key=two.key_digest).update(session_data=mine.session_data)
    caches["sessions"].clear()
    assert reloaded(two).typed.type == UNKNOWN


@pytest.mark.parametrize(
    "cookie", ["", "x", "x" * 8000, "æ" * 43, "\0" * 43, "a" * 42 + "\n", "../" * 20, "a" * 43]
)
def test_a_malformed_or_unknown_cookie_is_anonymous(cookie: str) -> None:
    started()
    store = SessionStore(cookie)
    assert store.typed == Session()
    assert store.is_empty()


def test_a_payload_that_cannot_be_read_is_unknown() -> None:
    store = started()
    StoredSession.objects.update(session_data="no.payload")
    caches["sessions"].clear()
    typed = reloaded(store).typed
    assert typed.type == UNKNOWN
    assert not typed.is_logged_in
    assert typed.public() == {"isLoggedIn": False, "type": "anonymous"}


def test_a_type_that_nobody_registered_is_unknown() -> None:
    assert reloaded(started(session(type="guild"))).typed.type == UNKNOWN


def test_a_state_makes_one_session_only() -> None:
    from django.db import IntegrityError

    started(state_digest="d")
    with pytest.raises(IntegrityError):
        started(state_digest="d")
    assert StoredSession.objects.count() == 1


def test_cycling_the_key_is_one_update_and_the_vault_follows() -> None:
    store = started()
    uid, old = store.typed.uid, store.session_key
    vault.new_row(uid, TokenSet(access_token="at")).save()
    store.cycle_key()
    assert store.session_key != old
    assert SessionStore(old).typed == Session()
    assert reloaded(store).typed.uid == uid
    tokens = vault.tokens_of(uid)
    assert tokens is not None
    assert tokens.access_token == "at"


def test_cycling_a_key_that_is_gone_raises() -> None:
    store, twin = (one := started()), reloaded(one)
    assert twin.typed.exists
    store.cycle_key()
    with pytest.raises(UpdateError):
        twin.cycle_key()


def test_a_request_in_flight_does_not_revive_an_ended_session() -> None:
    store = started()
    twin = reloaded(store)
    assert twin.typed.exists
    end(StoredSession.objects.all())
    twin["word"] = "x"
    with pytest.raises(UpdateError):
        twin.save()
    assert not StoredSession.objects.exists()


def test_what_django_has_flushed_is_nobodys() -> None:
    """As where somebody changes the password while this request is under way."""
    store = reloaded(started())
    assert store.typed.is_logged_in
    store.flush()
    assert not store.typed.exists
    assert not StoredSession.objects.exists()


def test_saving_what_did_not_change_writes_nothing(django_assert_num_queries: Any) -> None:
    store = reloaded(started())
    assert store.typed.exists
    with django_assert_num_queries(0):
        store.save()


def test_the_tokens_of_a_session_end_with_it() -> None:
    store = started()
    vault.new_row(store.typed.uid, TokenSet(access_token="at")).save()
    end(StoredSession.objects.all())
    assert not StoredTokens.objects.exists()
    assert EndedEntry.objects.filter(kind="session", value=store.typed.uid).exists()


def test_ending_twice_is_harmless() -> None:
    started()
    assert len(end(StoredSession.objects.all())) == 1
    assert end(StoredSession.objects.all()) == []


def test_e08_idle_sessions_end_and_used_ones_live_on_to_the_absolute_limit() -> None:
    begun = timezone.now()
    with time_machine.travel(begun, tick=False) as clock:
        store = started()
        for _ in range(30):
            clock.shift(timedelta(hours=7))
            again = reloaded(store)
            if not again.typed.exists:
                break
            again.touch(timezone.now())
        lived = timezone.now() - begun
        assert timedelta(days=6) < lived <= timedelta(days=7, hours=7)
        other = started()
        clock.shift(timedelta(hours=8, seconds=1))
        assert not reloaded(other).typed.exists


def test_use_is_noted_once_a_minute(django_assert_num_queries: Any) -> None:
    now = timezone.now()
    with time_machine.travel(now, tick=False) as clock:
        store = reloaded(started())
        assert store.typed.exists
        with django_assert_num_queries(0):
            store.touch(timezone.now())
        clock.shift(61)
        with django_assert_num_queries(1):
            store.touch(timezone.now())
        assert StoredSession.objects.get().last_seen_at == timezone.now()


def test_what_hangs_on_a_cookie_is_prolonged_but_not_seen_where_it_is_not_judged() -> None:
    now = timezone.now()
    with time_machine.travel(now, tick=False) as clock:
        begun = started(session(bound_to="a digest"))
        clock.shift(61)
        store = reloaded(begun)
        assert store.typed.exists
        store.touch(timezone.now(), judged=False)
        row = StoredSession.objects.get()
        assert row.last_seen_at == store.last_seen(now) == now
        assert row.expire_date > now + timedelta(hours=8)
        later = timezone.now()
        StoredSession.objects.update(last_seen_at=later)  # by another worker
        assert store.last_seen(now) == now
        assert store.last_seen(later) == later
        StoredSession.objects.all().delete()
        assert store.last_seen(later + timedelta(seconds=1)) is None


def test_a_session_never_outlives_its_upstream_where_the_source_says_so() -> None:
    soon = timezone.now() + timedelta(minutes=5)
    store = started(session(upstream_ends_at=soon))
    assert StoredSession.objects.get().expire_date == soon
    assert reloaded(store).typed.expires_at == soon


def test_leaving_ends_one_session_and_ending_from_afar_its_children_too() -> None:
    from accounts.session import people

    parent = started()
    child = started(session(), kind="client", parent_uid=parent.typed.uid)
    other = started()
    people.end_with_children(StoredSession.objects.filter(uid=parent.typed.uid))
    assert not reloaded(parent).typed.exists
    assert not reloaded(child).typed.exists
    assert reloaded(other).typed.exists


def test_disabling_a_person_ends_all_their_sessions_and_raises_the_epoch() -> None:
    from accounts.session import people

    user = User.objects.create_user("carol", "a long enough password")
    store = started(user=user)
    before = user.get_session_auth_hash()
    people.disable(user)
    user.refresh_from_db()
    assert not reloaded(store).typed.exists
    assert user.get_session_auth_hash() != before
    assert user.status == User.Status.DISABLED


def test_a_late_cache_fill_does_not_revive(settings: Any) -> None:
    settings.CACHES = {
        **settings.CACHES,
        "sessions": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": "late",
        },
    }
    store = started()
    held = cache.sessions.get(store.key_digest)
    assert held
    end(StoredSession.objects.all())
    cache.sessions.set(store.key_digest, held, 300)  # a slow reader puts back what it had read
    fresh.feed()
    assert not reloaded(store).typed.exists


def test_what_could_not_be_saved_is_not_read_from_the_cache_again(settings: Any) -> None:
    settings.CACHES = {
        **settings.CACHES,
        "sessions": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": "unsaved",
        },
    }
    store = started()
    StoredSession.objects.all().delete()  # elsewhere; this worker has not heard of it
    twin = reloaded(store)
    assert twin.typed.exists, "from the cache"
    twin["word"] = "x"
    with pytest.raises(UpdateError):
        twin.save()
    assert not reloaded(store).typed.exists


@pytest.mark.parametrize("how", ["touch", "delete"])
def test_a_copy_does_not_outlive_a_row_that_somebody_has_deleted(settings: Any, how: str) -> None:
    settings.CACHES = {
        **settings.CACHES,
        "sessions": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": f"deleted-{how}",
        },
    }
    store = started()
    StoredSession.objects.all().delete()  # by an operator's hand: the feed does not tell of it
    twin = reloaded(store)
    assert twin.typed.exists, "from the cache"
    if how == "touch":
        twin.touch(timezone.now() + timedelta(seconds=61))
    else:
        twin.delete()
    assert not reloaded(store).typed.exists


def test_a_late_cache_fill_under_a_replaced_key_does_not_revive(settings: Any) -> None:
    settings.CACHES = {
        **settings.CACHES,
        "sessions": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": "late-key",
        },
    }
    store = started()
    old, old_key = cache.sessions.get(store.key_digest), store.session_key
    store.cycle_key()
    cache.sessions.set(digest(old_key), old, 300)
    fresh.feed()
    assert not SessionStore(old_key).typed.exists
    assert reloaded(store).typed.exists


def test_a_copy_that_the_cache_could_not_forget_does_not_count(settings: Any) -> None:
    settings.CACHES = {
        **settings.CACHES,
        "sessions": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "LOCATION": "rewritten",
        },
    }
    store = started()
    with dead_cache():
        rewrite(StoredSession.objects.all(), lambda each: replace(each, status="active"))
    fresh.feed()
    assert reloaded(store).typed.status == "active"


def test_there_are_no_asynchronous_twins() -> None:
    with pytest.raises(NotImplementedError):
        SessionStore().aload().send(None)


def test_a_dump_of_the_table_yields_no_usable_session() -> None:
    store = started(session(name="Alice", subject="0102031234"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM accounts_storedsession")
        dump = str(cursor.fetchall())
    assert store.session_key not in dump
    assert "Alice" not in dump
    for word in dump.replace("'", " ").replace(",", " ").split():
        assert not SessionStore(word).typed.exists
