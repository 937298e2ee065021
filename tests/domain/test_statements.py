"""Statements whose SQL is built once do what the ORM does with the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, connections, models, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext, isolate_apps
from django.utils import timezone

from accounts import statements
from accounts.models import Event, Identity, Source, StoredSession, StoredTokens, User
from accounts.models.users import new_uid
from accounts.statements import Deletion, Existence, Lookup, Values, insert

pytestmark = pytest.mark.django_db(transaction=True)
BESIDE = (Source, "source", ["slug", "groups"])


def session(**columns: Any) -> StoredSession:
    now = timezone.now()
    return StoredSession(
        **{
            "session_key": new_uid(),
            "session_data": "it's 100 % sealed; -- so",
            "expire_date": now,
            "address": "2001:db8::1",
            "user_agent": "%s; DROP TABLE accounts_event; --",
            "state_digest": new_uid(),
            **columns,
        }
    )


def known(person: User) -> Identity:
    source, _ = Source.objects.get_or_create(slug="local", defaults={"provider": "local"})
    return Identity.objects.create(source=source, subject=person.username, user=person)


def columns(row: Any) -> dict[str, Any]:
    fresh = type(row).objects.get(pk=row.pk)
    return {field.attname: getattr(fresh, field.attname) for field in fresh._meta.concrete_fields}


def test_a_row_is_written_as_saving_writes_it() -> None:
    ours, theirs = session(), session()
    for name in ("session_key", "uid", "state_digest"):
        setattr(theirs, name, getattr(ours, name))
    for name in ("created_at", "last_seen_at", "ends_at", "expire_date"):
        setattr(theirs, name, getattr(ours, name))
    insert(ours)
    written = columns(ours)
    StoredSession.objects.all().delete()
    theirs.save(force_insert=True)
    assert written == columns(theirs)


def test_objects_empty_addresses_and_counted_keys_are_written() -> None:
    person = User.objects.create_user("ada")
    source = Source.objects.create(slug="place", provider="local")
    groups = ["staff", {"of": "%s"}]
    insert(
        Identity(source=source, subject="7", user=person, claimed_groups=groups),
        Event(name="one", address=None),
        Event(name="two", address="192.0.2.1", user=person),
    )
    assert Identity.objects.get(source=source).claimed_groups == groups
    found = Event.objects.order_by("name").values_list("name", "address", "user")
    assert list(found) == [("one", None, None), ("two", "192.0.2.1", person.pk)]


@isolate_apps("accounts")
def test_a_column_with_a_default_of_the_databases_is_written_as_well() -> None:
    class Thing(models.Model):
        flag = models.BooleanField(default=False, db_default=False)
        made = models.DateTimeField(db_default=Now())

        class Meta:
            app_label = "accounts"

    _sql, fields = statements._insertion(Thing)
    assert [name for name, _field, _plain in fields] == ["flag"], (
        "the database has no other word for `made`"
    )


def test_all_or_none_is_written() -> None:
    taken = session()
    insert(taken)
    with pytest.raises(IntegrityError):
        insert(Event(name="lost"), session(state_digest=taken.state_digest))
    assert not Event.objects.exists()
    assert StoredSession.objects.count() == 1


def test_a_failure_takes_the_callers_transaction_along() -> None:
    taken = session()
    insert(taken)

    def write() -> None:
        with transaction.atomic():
            Event.objects.create(name="before")
            insert(session(session_key=taken.session_key))

    with pytest.raises(IntegrityError):
        write()
    assert not Event.objects.exists()


def test_rows_of_several_models_are_one_round_trip_on_postgresql(
    django_assert_num_queries: Any,
) -> None:
    one = session()
    rows = one, StoredTokens(session_id=one.uid, sealed="x"), Event(name="begun")
    trips = 1 if connection.vendor == "postgresql" else 3
    with transaction.atomic(), django_assert_num_queries(trips):
        insert(*rows)
    assert StoredTokens.objects.get().session == one


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite takes one at a time")
def test_what_goes_in_one_trip_is_one_transaction_without_saying_so() -> None:
    taken = session()
    with CaptureQueriesContext(connection) as said:
        insert(Event(name="kept"), taken)
    assert not [each for each in said if each["sql"].startswith(("BEGIN", "COMMIT"))]
    with pytest.raises(IntegrityError):
        insert(Event(name="lost"), session(session_key=taken.session_key))
    assert [each.name for each in Event.objects.all()] == ["kept"]


@contextmanager
def values_bound_by_the_server() -> Iterator[None]:
    """Connect so that each statement must go alone, as on SQLite all do."""
    if connection.vendor != "postgresql":
        yield
        return
    options = connection.settings_dict["OPTIONS"]
    connection.close()
    options["server_side_binding"] = True
    try:
        yield
    finally:
        del options["server_side_binding"]
        connection.close()


def test_where_the_server_binds_the_values_each_statement_goes_alone() -> None:
    with values_bound_by_the_server():
        insert(Event(name="one", address="192.0.2.1"), Event(name="two"))
    assert Event.objects.count() == 2


def test_a_look_up_finds_by_other_values_and_says_none() -> None:
    people = [User.objects.create_user(name) for name in ("ada", "bob")]
    for each in people:
        known(each)
    by_name = Lookup(User, Identity, "user", BESIDE, subject="name", issuer="issuer")
    local = Source.objects.get(slug="local")
    with transaction.atomic():
        assert by_name.find(subject="bob", issuer="") == (people[1], local)
        assert by_name.find(issuer="", subject="ada") == (people[0], local)
        assert by_name.find(subject="ada", issuer="another") is None
        assert by_name.find(subject="%s' OR 1=1 --", issuer="") is None


def test_what_a_look_up_finds_is_what_the_orm_finds() -> None:
    bob = User.objects.create_user("bob", email="bob@example.org", is_staff=True)
    known(bob)
    with transaction.atomic():
        both = Lookup(User, Identity, "user", BESIDE, user=0).find(user=bob.pk)
        turned = Lookup(Source, Identity, "source", (User, "user", ["name"]), user=0)
        source, person = turned.find(user=bob.pk) or (None, None)
    assert both is not None
    found, beside = both
    assert columns(found) == columns(bob)
    assert (beside.slug, beside.groups, beside.get_deferred_fields() > {"settings"}) == (
        "local", {}, True
    )  # fmt: skip
    assert (source, person) == (beside, bob)
    found.name = "Bob"
    found.save(update_fields=["name"])
    assert User.objects.get().name == "Bob"


def test_whether_there_is_a_row_is_what_the_orm_says() -> None:
    now = timezone.now()
    insert(session(uid="a" * 16, address="192.0.2.1", created_at=now))

    def meant(uid: str, since: datetime) -> Q:
        return Q(uid=uid, address="192.0.2.1") & Q(created_at__gte=since)

    asked = Existence(StoredSession, meant, uid="uid", since=datetime(1970, 1, 1, tzinfo=UTC))
    later = now + timedelta(microseconds=1)
    for uid, since in (("a" * 16, now), ("a" * 16, later), ("b" * 16, now), ("%s", now)):
        with CaptureQueriesContext(connection) as said:
            there = asked.holds(uid=uid, since=since)
        assert len(said) == 1
        assert there is StoredSession.objects.filter(meant(uid, since)).exists(), (uid, since)


def test_columns_are_what_values_list_says() -> None:
    now = timezone.now()
    ada = User.objects.create_user("ada", is_staff=True)
    insert(
        session(session_key="mine", user=ada, created_at=now),
        session(session_key="nobody's", created_at=now),
    )

    def meant(key: str, since: datetime) -> Any:
        rows = StoredSession.objects.filter(session_key=key, created_at__gte=since)
        return rows.values_list("uid", "created_at", "user__is_staff", "address", "state_digest")

    columns_of = Values(meant, key="key", since=datetime(1970, 1, 1, tzinfo=UTC))
    for key, since in (("mine", now), ("nobody's", now), ("mine", now + timedelta(days=1))):
        with CaptureQueriesContext(connection) as said:
            found = columns_of.first(key=key, since=since)
        assert len(said) == 1
        assert found == meant(key, since).first(), (key, since)


def test_the_rows_that_a_query_names_are_deleted_and_no_others() -> None:
    people = [User.objects.create_user(name) for name in ("ada", "bob")]
    for number in range(5):
        at = timezone.now() - timedelta(days=number)
        insert(*(session(user=each, created_at=at) for each in people))
    latest = Deletion(
        lambda person: (
            StoredSession.objects.filter(user_id=person).order_by("-created_at").values("pk")[2:]
        ),
        person=0,
    )
    kept = list(StoredSession.objects.filter(user=people[0]).order_by("-created_at")[:2])
    latest.carry_out(person=people[0].pk)
    assert list(StoredSession.objects.filter(user=people[0]).order_by("-created_at")) == kept
    assert StoredSession.objects.filter(user=people[1]).count() == 5
    latest.carry_out(person=people[0].pk)
    assert StoredSession.objects.count() == 7


def test_the_values_of_each_kind_of_column_are_prepared_as_saving_does() -> None:
    rows = (
        session(kind=StoredSession.Kind.CLIENT, shared=True),
        Event(name="x", steps=[{"of": 1}], address="192.0.2.1", actor=Event.Actor.SITE),
    )
    for row in rows:
        own = connections["default"]
        sql, values = statements._step(row, own)
        known = [name for name, _field, _plain in statements._insertion(type(row))[1]]
        fields = {each.attname: each for each in row._meta.concrete_fields}
        slow = [statements._prepared(row, fields[name], own) for name in known]
        assert [repr(each) for each in values] == [repr(each) for each in slow], sql
