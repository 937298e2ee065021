"""docs/contract.md 7: /metrics sums up all workers, for who may read it, and names nobody."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import requests
from django.test import Client, override_settings
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families as parsed

from accounts.models import User
from portal.configuration.env import Misconfigured, networks
from portal.operations.metrics import held
from tests.http.conftest import sign_in
from tests.http.test_workers import PERSON, signed_in
from tests.peers.site import Site

TOKEN = "a-token-for-prometheus"
WORKERS = 2 if os.environ.get("REDIS_URL") else 1


def numbers(url: str) -> dict[str, float]:
    """Return each number by its name and labels, as a person would write them."""
    answer = requests.get(f"{url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    found = {}
    for each in (sample for family in parsed(answer.text) for sample in family.samples):
        labels = " ".join(f"{name}={value}" for name, value in sorted(each.labels.items()))
        found[f"{each.name} {labels}".strip()] = each.value
    return found


@pytest.fixture(scope="module")
def house(site: Callable[..., Site]) -> Site:
    house = site({"VESTIBULE_METRICS_TOKEN": TOKEN}, workers=WORKERS)
    house.manage("shell", "--verbosity=0", stdin=PERSON)
    return house


def guess(url: str) -> None:
    """Fail to sign in."""
    form = {"username": "alice", "password": "not that of Alice"}
    assert requests.post(f"{url}/session/login", json=form).status_code == 401


def test_what_each_worker_did_is_summed_up(house: Site) -> None:
    before = numbers(house.url)
    for _ in range(6):  # each is a new connection, to any worker
        signed_in(house.url)
        guess(house.url)
    pair = requests.post(
        f"{house.url}/session/login",
        json={"username": "alice", "password": "correct horse battery staple"},
    ).json()
    refresh = {"refresh_token": pair["refresh_token"]}
    assert requests.post(f"{house.url}/session/refresh", json=refresh).status_code == 200
    found = numbers(house.url)
    grown = {name: value - before.get(name, 0) for name, value in found.items()}
    assert grown["vestibule_sign_ins_total source=local type=local"] == 7
    assert grown["vestibule_refusals_total reason=login-failed source=local type=local"] == 6
    assert grown["vestibule_refreshes_total kind=ours outcome=renewed source=local"] == 1
    assert found["vestibule_front_threads"] == WORKERS * house.threads
    assert found["vestibule_outbox_items kind=mail"] == 0
    assert found["vestibule_database_up"] == 1
    assert "vestibule_sessions kind=browser" in found
    on_server = [name for name in found if name.startswith("vestibule_database_connections ")]
    assert bool(on_server) == ("DATABASE_URL" in os.environ)
    assert sum(found[name] for name in on_server) <= found.get(
        "vestibule_database_connections_most", 0
    )


@pytest.mark.django_db
def test_sessions_that_expired_are_not_counted(client: Client, person: User) -> None:
    now = timezone.now()
    assert held.open_sessions(now) == {"browser": 0, "client": 0}
    sign_in(client)
    assert held.open_sessions(now) == {"browser": 1, "client": 0}
    assert held.open_sessions(now + timedelta(days=400)) == {"browser": 0, "client": 0}


def test_no_label_names_a_person(house: Site) -> None:
    signed_in(house.url)
    guess(house.url)
    answer = requests.get(f"{house.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert "alice" not in answer.text
    assert not re.search(r"\b\d+\.\d+\.\d+\.\d+\b", answer.text), "an address"


@pytest.mark.parametrize(
    "given", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic x"}]
)
@pytest.mark.django_db
def test_everybody_else_finds_nothing(client: Client, given: dict[str, str]) -> None:
    with override_settings(VESTIBULE_METRICS_TOKEN=TOKEN):
        assert client.get("/metrics", headers=given).status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


@pytest.mark.parametrize(
    ("address", "status"),
    [("10.0.5.7", 200), ("::ffff:10.0.5.7", 200), ("10.0.6.7", 404), ("2001:db8::1", 404)],
)
@pytest.mark.django_db
def test_a_network_may_read_it(client: Client, address: str, status: int) -> None:
    with override_settings(VESTIBULE_METRICS_NETWORKS=networks("N", ["10.0.5.0/24"])):
        assert client.get("/metrics", REMOTE_ADDR=address).status_code == status


SCRAPED = "10.244.1.5:8000"
KNOWN = {"Authorization": f"Bearer {TOKEN}"}


@pytest.mark.parametrize("host", [SCRAPED, "[2001:db8::5]:8000", "web1.example.org:8000"])
def test_a_machine_is_scraped_by_its_own_address(house: Site, host: str) -> None:
    """The token opens it by any name; all else is refused by a foreign name as before (H01)."""
    asked = {"Host": host, **KNOWN}
    assert requests.get(f"{house.url}/metrics", headers=asked).status_code == 200
    for path in ("/metrics/", "/healthz", "/login", "/auth/session"):
        answer = requests.get(f"{house.url}{path}", headers=asked, allow_redirects=False)
        assert answer.status_code == 400, path


@pytest.mark.parametrize(
    ("host", "status"),
    [(SCRAPED, 200), ("localhost", 200), ("[::1]:8000", 200), ("rebound.example:8000", 400)],
)
@pytest.mark.django_db
def test_a_network_reads_it_by_an_address_and_by_no_foreign_name(
    client: Client, host: str, status: int
) -> None:
    """A page that is open in a browser of that network reaches it by a name of its own, which
    leads to the machine: that name is refused.
    """
    with override_settings(VESTIBULE_METRICS_NETWORKS=networks("N", ["10.0.5.0/24"])):
        asked = client.get("/metrics", headers={"Host": host}, REMOTE_ADDR="10.0.5.7")
    assert asked.status_code == status


@pytest.mark.parametrize("host", [SCRAPED, "999.1.1.1", "10.0.0.1@evil.example", "a b", "[::1"])
@pytest.mark.django_db
def test_an_address_opens_nothing_to_strangers(client: Client, host: str) -> None:
    assert client.get("/metrics", headers={"Host": host}).status_code in {400, 404}


def test_a_network_that_is_none_is_an_error_at_start() -> None:
    with pytest.raises(Misconfigured, match="VESTIBULE_METRICS_NETWORKS"):
        networks("VESTIBULE_METRICS_NETWORKS", ["10.0.5.0/99"])
