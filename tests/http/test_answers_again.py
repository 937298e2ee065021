"""An upstream's answer that nothing came of, since the database failed, may be loaded again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client

from accounts.models import Source, StoredSession
from tests.http.conftest import begin

pytestmark = pytest.mark.django_db(transaction=True)


def no_room(execute: Any, sql: str, *rest: Any) -> Any:
    if sql.startswith(("INSERT", "UPDATE")):
        raise OperationalError("there is no room left")
    return execute(sql, *rest)


def test_a_reload_signs_in_once_the_database_takes_rows_again(
    client: Client, tenant: Callable[..., Source]
) -> None:
    tenant()
    client.raise_request_exception = False
    asked = begin(client, "town", "/account/sessions")
    answer = f"/auth/callback/town?code=bob&state={asked['state']}"
    for _time in range(2):
        with connection.execute_wrapper(no_room):
            assert client.get(answer).status_code == 503
    assert not StoredSession.objects.filter(source="town").exists()
    assert client.get(answer)["Location"] == "/account/sessions"
    assert client.get("/auth/session").json()["isLoggedIn"] is True
    assert client.get(answer)["Location"] == "/account/"
    assert StoredSession.objects.filter(source="town").count() == 1
