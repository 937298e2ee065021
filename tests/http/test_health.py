"""docs/contract.md 7: /healthz says alive, /readyz says whether database and cache can be used."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client

from accounts.models import Source
from accounts.source import catalogue, outage
from tests.peers.dead_cache import dead_cache
from tests.peers.no_threads import no_threads


def test_alive_asks_nobody(client: Client) -> None:
    response = client.get("/healthz")  # without the mark for it, a test may not ask the database
    assert (response.status_code, response.json()) == (200, {"status": "alive"})
    assert response["Cache-Control"] == "no-store"


@pytest.mark.django_db(transaction=True)
@pytest.mark.remembers
def test_ready_when_database_and_cache_are(client: Client) -> None:
    response = client.get("/readyz")
    assert response.json() == {"database": "ok", "cache": "ok", "sources": {"local": "ok"}}
    assert (response.status_code, response["Cache-Control"]) == (200, "no-store")


@pytest.mark.django_db(transaction=True)
@pytest.mark.remembers
def test_not_ready_without_the_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "NAME", "/nowhere/nothing")
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"database": "unavailable", "cache": "ok", "sources": {}}
    assert "nowhere" not in response.content.decode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.remembers
def test_not_ready_without_a_thread(client: Client) -> None:
    with no_threads():
        response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {"database": "unavailable", "cache": "unavailable", "sources": {}}
    assert client.get("/readyz").status_code == 200


@pytest.mark.django_db(transaction=True)
def test_not_ready_without_the_cache(client: Client) -> None:
    with dead_cache():
        response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json() == {
        "database": "ok", "cache": "unavailable", "sources": {"local": "ok"},
    }  # fmt: skip


@pytest.mark.django_db(transaction=True)
@pytest.mark.remembers
def test_sources_are_told_of_and_not_required(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VESTIBULE_SOURCE_TOWN", "a secret")
    for slug in ("town", "shore"):
        settings = {"upstream": "http://127.0.0.1:1", "secret": "env:VESTIBULE_SOURCE_TOWN"}
        given = settings if slug == "town" else {"upstream": "http://127.0.0.1:1"}
        catalogue.save(Source(slug=slug, provider="tenant", settings=given))
    outage.note("shore")
    monkeypatch.delenv("VESTIBULE_SOURCE_TOWN")
    response = client.get("/readyz")
    told = {"local": "ok", "shore": "trouble", "town": "unreadable"}
    assert (response.status_code, response.json()["sources"]) == (200, told)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_is_only_looked_at(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_sets_no_cookie(client: Client, path: str) -> None:
    assert not client.get(path).cookies
