"""docs/moving.md 4: sessions that clients were told of, while their table is migrated and after."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from accounts.models import StoredSession
from portal.authorization_server.models import ToldSession
from tests.http.oauth.application import Application

pytestmark = pytest.mark.django_db(transaction=True)
FORMER, BETWEEN, AFTER = "0005", "0006", "0007"


def migrate(*name: str) -> None:
    call_command("migrate", "authorization_server", *name, verbosity=0)


@pytest.fixture
def app(app: Application) -> Iterator[Application]:
    yield app
    migrate()


def told(app: Application, *sids: str) -> int:
    """Write as the former release does. Returns how many rows there are."""
    row = StoredSession.objects.get()
    rows = [ToldSession(session=row, client_id=app.client.pk, sid=each) for each in sids]
    ToldSession.objects.bulk_create(rows, ignore_conflicts=True)
    return ToldSession.objects.count()


def test_the_former_release_goes_on(app: Application) -> None:
    migrate(FORMER)
    assert told(app, "one", "two") == 1
    if connection.vendor == "postgresql":  # as where the migration was broken off
        table = ToldSession._meta.db_table
        with connection.cursor() as cursor:
            columns = "(session_id, client_id, sid)"
            cursor.execute(f"CREATE UNIQUE INDEX told_sid_once ON {table} {columns}")
    migrate(BETWEEN)
    assert told(app, "one", "two") == 1
    migrate(AFTER)
    assert told(app, "one", "two", "two") == 2
    first = ToldSession.objects.first()
    assert first
    with pytest.raises(IntegrityError), transaction.atomic():
        ToldSession.objects.create(session=first.session, client_id=first.client_id, sid=first.sid)
