"""OIDC Discovery 1.0, 4: whose document is believed, and what happens when there is none."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.cache import caches

from accounts.errors import TemporarilyUnavailable
from accounts.keyring import seal
from providers.oidc import discovery
from tests.peers.tampering import (
    CLIENT_ID,
    CLIENT_SECRET,
    REMOVED,
    SUBJECT,
    OpenIdProvider,
    page,
    tampering_provider,
)
from tests.rfc.oidc_core.portal import DONE, HELD, Portal

pytestmark = pytest.mark.wire

WELL_KNOWN = ".well-known/openid-configuration"


@pytest.mark.parametrize(
    "document",
    [
        {"issuer": "https://evil.example/"},
        {"issuer": REMOVED},
        {"issuer": ["a"]},
        {"token_endpoint": REMOVED},
        {"token_endpoint": ""},
        {"token_endpoint": 1},
        {"token_endpoint": "file:///etc/passwd"},
        {"token_endpoint": "gopher://127.0.0.1/"},
        {"token_endpoint": "//127.0.0.1/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "https://"},
        {"authorization_endpoint": "https://["},
        {"authorization_endpoint": "https://city.example#fragment"},
        {"jwks_uri": "https://user@city.example/jwks"},
        {"jwks_uri": "https://city.example\\@evil.example/jwks"},
        {"end_session_endpoint": "https://city.example/\tend"},
    ],
    ids=str,
)
def test_a_document_that_cannot_be_right_is_refused(
    portal: Portal, op: OpenIdProvider, document: dict[str, Any]
) -> None:
    op.document.update(document)
    with pytest.raises(TemporarilyUnavailable):
        portal.source().begin_login(portal.flow())


@pytest.mark.parametrize(
    "place",
    [
        "169.254.169.254",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "10.0.0.1",
        "2130706433",
        "0177.0.0.1",
        "0x7f.1",
        "localhost",
        "cms.localhost",
        "127.0.0.2",
    ],
)
@pytest.mark.parametrize("name", ["jwks_uri", "userinfo_endpoint"])
def test_j12_a_document_cannot_lead_into_our_net(
    portal: Portal, op: OpenIdProvider, name: str, place: str
) -> None:
    op.document[name] = f"http://{place}/latest"
    with pytest.raises(TemporarilyUnavailable):
        portal.source().begin_login(portal.flow())


def test_j12_what_the_operator_names_is_called(portal: Portal, op: OpenIdProvider) -> None:
    op.document["jwks_uri"] = "http://169.254.169.254/"
    assert portal.login(endpoints={"jwks_uri": op.url("jwks")}).subject == SUBJECT


@pytest.mark.parametrize(
    "trouble",
    [page(500), page(404), page(302, b"", "/elsewhere"), page(200, b"<html>"), page(200, b"[]"),
     page(200, b"x" * 5_000_000), page(200, b"{}", after=5)],
    ids=["500", "404", "redirect", "HTML", "list", "huge", "slow"],
)  # fmt: skip
def test_trouble_is_named_and_a_good_copy_outlives_it(
    portal: Portal, op: OpenIdProvider, trouble: Any
) -> None:
    op.answers[WELL_KNOWN] = trouble
    with pytest.raises(TemporarilyUnavailable):
        portal.source().begin_login(portal.flow())
    del op.answers[WELL_KNOWN]
    assert portal.login().subject == SUBJECT
    op.answers[WELL_KNOWN] = trouble
    portal.clock.skip(601)
    assert portal.login().subject == SUBJECT


def test_plain_http_is_refused_where_it_is_not_allowed(
    portal: Portal, op: OpenIdProvider, settings: Any
) -> None:
    source = portal.source()
    settings.VESTIBULE_HTTP_PLAIN = False
    with pytest.raises(TemporarilyUnavailable):
        source.begin_login(portal.flow())
    assert not op.calls


def test_a_document_is_read_again_after_ten_minutes(portal: Portal, op: OpenIdProvider) -> None:
    portal.login()
    op.document["authorization_endpoint"] = op.url("authorize") + "?tenant=city"
    portal.login()
    assert op.calls[WELL_KNOWN] == 1
    portal.clock.skip(601)
    assert "?tenant=city&" in portal.source().begin_login(portal.flow()).url
    assert op.calls[WELL_KNOWN] == 2


def test_a_provider_that_stays_away_is_asked_every_thirty_seconds(
    portal: Portal, op: OpenIdProvider
) -> None:
    portal.login()
    op.answers[WELL_KNOWN] = page(503)
    portal.clock.skip(601)
    for _ in range(3):
        portal.source().begin_login(portal.flow())
    assert op.calls[WELL_KNOWN] == 2
    portal.clock.skip(31)
    portal.source().begin_login(portal.flow())
    assert op.calls[WELL_KNOWN] == 3


def test_a_copy_is_good_for_a_day_and_no_longer(portal: Portal, op: OpenIdProvider) -> None:
    source, _ = portal.signed_in()
    op.answers[WELL_KNOWN] = page(503)
    portal.clock.skip(86_000)
    assert source.begin_login(portal.flow())
    portal.clock.skip(1_000)
    for _ in range(2):
        with pytest.raises(TemporarilyUnavailable):
            source.begin_login(portal.flow())


def test_many_who_come_at_once_cost_one_call(portal: Portal, op: OpenIdProvider) -> None:
    source = portal.source()
    with ThreadPoolExecutor(8) as pool:
        steps = list(pool.map(lambda _: source.begin_login(portal.flow()), range(8)))
    assert len({step.url for step in steps}) == 8
    assert op.calls[WELL_KNOWN] == 1


def test_many_who_come_at_once_share_a_failure(portal: Portal, op: OpenIdProvider) -> None:
    source = portal.source()
    op.answers[WELL_KNOWN] = page(500, after=0.3)

    def attempt(_: int) -> bool:
        with pytest.raises(TemporarilyUnavailable):
            source.begin_login(portal.flow())
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(attempt, range(4)))
    assert op.calls[WELL_KNOWN] == 1


def test_a_new_process_finds_what_another_learnt(portal: Portal, op: OpenIdProvider) -> None:
    portal.login()
    discovery.kept.clear()
    op.answers[WELL_KNOWN] = op.answers["jwks"] = page(500)
    assert portal.login().subject == SUBJECT
    assert portal.source().plan_logout(HELD, None, {}, DONE).visit
    assert (op.calls[WELL_KNOWN], op.calls["jwks"]) == (1, 1)


def test_a_cache_that_was_written_by_somebody_else_is_not_believed(
    portal: Portal, op: OpenIdProvider
) -> None:
    portal.login()
    name = portal.source().upstream._name
    evil = {"document": {"issuer": op.issuer, "token_endpoint": "https://evil.example"}, "at": 0}
    elsewhere = seal(evil, "last-good", "oidc:metadata:of-another")
    for forged in ("nonsense", evil, elsewhere, 7):
        discovery.kept.clear()
        caches["default"].set(f"last-good:oidc:metadata:{name}", forged)
        assert portal.login().subject == SUBJECT


def test_without_discovery_the_settings_say_it_all(portal: Portal, op: OpenIdProvider) -> None:
    names = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}
    endpoints = {name: op.url(place) for name, place in names.items()}
    outcome = portal.login(discover=False, endpoints=endpoints)
    assert outcome.subject == SUBJECT
    assert op.calls == {"authorize": 1, "token": 1, "jwks": 1}
    source = portal.source(discover=False, endpoints=endpoints)
    assert source.discovery() == {"issuer": op.issuer, **endpoints}


def test_the_document_is_passed_through(portal: Portal, op: OpenIdProvider) -> None:
    op.document["service_documentation"] = "https://city.example/doc"
    source = portal.source()
    assert source.discovery()["service_documentation"] == "https://city.example/doc"
    op.answers[WELL_KNOWN] = page(500)
    portal.clock.skip(601)
    assert source.discovery()["issuer"] == op.issuer


def test_an_issuer_without_a_slash_finds_its_document(op: OpenIdProvider) -> None:
    op.issuer = op.issuer.rstrip("/")
    op.url = lambda name: f"{op.issuer}/{name}"  # type: ignore[method-assign]
    assert Portal(op).login().subject == SUBJECT


def test_two_providers_of_one_site_do_not_mix(portal: Portal, op: OpenIdProvider) -> None:
    with tampering_provider() as other:
        other.claims["sub"] = other.userinfo["sub"] = "somebody-else"
        assert Portal(other).login().subject == "somebody-else"
        assert portal.login().subject == SUBJECT
        assert (op.calls["token"], other.calls["token"]) == (1, 1)
        assert other.complaints == []


def test_the_secret_is_in_no_repr(portal: Portal) -> None:
    source = portal.source()
    for each in (source, source.client, source.upstream, source.settings):
        assert CLIENT_SECRET not in repr(each)
    assert CLIENT_ID in repr(source.settings)
