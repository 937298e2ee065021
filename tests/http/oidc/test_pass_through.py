"""`VESTIBULE_DISCOVERY_SOURCE`: clients of this host are led to an upstream's authorization server
(docs/contract.md 4).
"""

from __future__ import annotations

import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import time_machine
from django.test import Client
from django.utils import timezone

from portal.operations.doctor import examination
from providers.oidc import discovery
from tests.http.oidc.conftest import Make
from tests.peers import dead_cache
from tests.peers.certified import Certified
from tests.peers.tampering import (
    CLIENT_ID,
    CLIENT_SECRET,
    OpenIdProvider,
    Page,
    page,
    tampering_provider,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]

SITE = "http://localhost:8000"
OWN = "/.well-known/openid-configuration"
BOTH = (OWN, "/.well-known/oauth-authorization-server")
RESOURCE = "/.well-known/oauth-protected-resource"
FINGER = "/.well-known/webfinger?resource=acct:a@localhost"


@pytest.fixture(autouse=True)
def town(settings: Any) -> None:
    settings.VESTIBULE_DISCOVERY_SOURCE = "town"


def doctored() -> str:
    """Return what the doctor finds wrong with the sources."""
    found = [each for _subject, each in examination.examine(["sources"]) if not each.ok]
    return "\n".join(each.message for each in found)


def test_the_upstreams_own_document_is_served(
    client: Client, source: Make, provider: Certified
) -> None:
    source(provider)
    theirs = requests.get(provider.issuer + OWN, timeout=60).json()
    for path in BOTH:
        answer = client.get(path)
        assert answer.json() == theirs
        assert answer["Access-Control-Allow-Origin"] == "*"
        assert answer["Cache-Control"] == "public, max-age=300"
    assert client.head(OWN).status_code == 200
    assert "VESTIBULE_DISCOVERY_SOURCE" not in doctored()


def test_it_is_fetched_once(client: Client, source: Make, provider: Certified) -> None:
    source(provider)
    client.get(OWN)
    provider.forget_requests()
    for _ in range(3):
        assert client.get(OWN).status_code == 200
    assert not provider.requests(OWN)


def test_the_last_good_copy_outlives_the_upstream(
    client: Client, source: Make, mortal: Certified
) -> None:
    source(mortal)
    theirs = client.get(OWN).json()
    mortal.stop()
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        assert [client.get(path).json() for path in BOTH] == [theirs, theirs]


def test_another_worker_takes_the_copy_from_the_shared_cache(
    client: Client, source: Make, mortal: Certified
) -> None:
    source(mortal)
    theirs = client.get(OWN).json()
    mortal.stop()
    discovery.kept.clear()
    answer = client.get(OWN)
    if dead_cache.whole_run():
        assert answer.status_code == 503
    else:
        assert answer.json() == theirs


def test_an_upstream_that_never_answered_is_no_500(
    client: Client, source: Make, mortal: Certified
) -> None:
    source(mortal)
    mortal.stop()
    answer = client.get(OWN)
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert int(answer["Retry-After"]) > 0
    assert answer["Cache-Control"] == "no-store"
    assert client.get(FINGER).json()["links"][0]["href"] == mortal.issuer
    mortal.start()
    assert client.get(OWN).status_code == 200


@pytest.mark.parametrize("kind", ["500", "html", "empty", "list", "redirect", "huge"])
def test_a_document_that_is_none_is_not_passed_on(
    client: Client, source: Make, provider: Certified, kind: str
) -> None:
    source(provider)
    provider.trouble("/.well-known", kind)
    answer = client.get(OWN)
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")


@pytest.mark.parametrize("slug", ["nowhere", "local"])
def test_a_source_without_a_document_is_no_500(
    client: Client, house: None, settings: Any, slug: str
) -> None:
    settings.VESTIBULE_DISCOVERY_SOURCE = slug
    for path in (*BOTH, RESOURCE, FINGER):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert f"VESTIBULE_DISCOVERY_SOURCE names {slug}" in doctored()


def test_what_else_is_listed_is_the_upstream(
    client: Client, source: Make, provider: Certified
) -> None:
    source(provider)
    assert client.get(FINGER).json()["links"][0]["href"] == provider.issuer
    own = client.get(RESOURCE).json()
    assert own["authorization_servers"] == [SITE]  # its access tokens are not taken
    source(provider, accept_bearer=True)
    theirs = client.get(RESOURCE).json()
    assert theirs["authorization_servers"] == [provider.issuer]
    assert "scopes_supported" not in theirs


def test_what_is_no_json_is_left_out_of_the_document(client: Client, source: Make) -> None:
    with tampering_provider() as op:
        answer = _discovery_with(op, b'"odd": 1e999, "half": ["\\ud800"], "fine": [1.5, "\\u00e6"]')
        op.answers[OWN.lstrip("/")] = answer
        peer: Any = SimpleNamespace(issuer=op.issuer)
        source(peer, client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
        told = client.get(OWN)
    known = json.loads(told.content, parse_constant=pytest.fail)
    assert (known["issuer"], known["fine"]) == (op.issuer, [1.5, "æ"])
    assert not {"odd", "half"} & set(known)


def _discovery_with(op: OpenIdProvider, more: bytes) -> Page:
    """Return an answer that holds more members than the provider's own document."""
    own = requests.get(op.issuer + OWN.lstrip("/"), timeout=60).content
    return page(200, own[:-1] + b", " + more + b"}", "application/json")
