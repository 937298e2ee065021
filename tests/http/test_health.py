"""docs/contract.md 7: /healthz says alive, /readyz says whether database and cache can be used."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client

from tests.peers.dead_cache import dead_cache


def test_alive_asks_nobody(client: Client) -> None:
    response = client.get("/healthz")  # without the mark for it, a test may not ask the database
    assert (response.status_code, response.json()) == (200, {"status": "alive"})
    assert response["Cache-Control"] == "no-store"


@pytest.mark.django_db(transaction=True)
@pytest.mark.remembers
def test_ready_when_database_and_cache_are(client: Client) -> None:
    response = client.get("/readyz")
    assert response.json() == {"database": "ok", "cache": "ok"}
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")


@pytest.mark.django_db(transaction=True)
@pytest.mark.remembers
def test_not_ready_without_the_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "NAME", "/nowhere/nothing")
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"database": "unavailable", "cache": "ok"}
    assert "nowhere" not in response.content.decode()


@pytest.mark.django_db(transaction=True)
def test_not_ready_without_the_cache(client: Client) -> None:
    with dead_cache():
        response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"database": "ok", "cache": "unavailable"}


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_only_looked_at(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_sets_no_cookie(client: Client, path: str) -> None:
    assert not client.get(path).cookies
