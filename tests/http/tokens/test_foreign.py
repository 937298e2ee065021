"""Access tokens of a source with `accept_bearer`, over HTTP (docs/contract.md 3): steps 11 to 14 of
Data Product Portal with an upstream's own token.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from accounts.models import Identity, Source, StoredSession, User
from accounts.source import catalogue
from portal.tokens import foreign
from tests.http.conftest import at_most
from tests.http.tokens.caller import DETAILS
from tests.peers import fresh
from tests.peers.tampering import CLIENT_ID, OpenIdProvider, page, tampering_provider

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]
COGNITO = {"audience_claim": "client_id"}


@pytest.fixture
def op() -> Iterator[OpenIdProvider]:
    with tampering_provider() as running:
        yield running


@pytest.fixture
def source(house: None, op: OpenIdProvider) -> Callable[..., Source]:
    def make(slug: str = "cloud", columns: dict[str, Any] | None = None, **more: Any) -> Source:
        settings = {"issuer": op.issuer, "client_id": CLIENT_ID, "accept_bearer": True, **more}
        row = Source(slug=slug, provider="oidc", settings=settings, **(columns or {}))
        catalogue.save(row)
        fresh.sources()
        return row

    return make


def token(op: OpenIdProvider, **claims: Any) -> str:
    now = int(time.time())
    known = {
        "iss": op.issuer, "sub": "remote-1", "aud": CLIENT_ID, "exp": now + 300, "iat": now,
        "scope": "openid", **claims,
    }  # fmt: skip
    return op.sign({name: value for name, value in known.items() if value is not None})


def call(text: str, client: Client | None = None) -> Any:
    return (client or Client()).get(DETAILS, headers={"Authorization": f"Bearer {text}"})


def test_11_to_14_a_resource_is_given_for_an_upstreams_token(
    source: Callable[..., Source], op: OpenIdProvider
) -> None:
    source()
    answer = call(token(op, name="Remote"))
    assert answer.status_code == 200
    assert answer.json()["User"]["role"] == "USER"
    identity = Identity.objects.get()
    assert (identity.subject, identity.issuer) == ("remote-1", op.issuer)
    assert User.objects.get(pk=identity.user_id).name == "Remote"
    assert not StoredSession.objects.exists(), "a bearer call begins no session"
    assert call(token(op)).status_code == 200
    assert Identity.objects.count() == 1


def test_an_older_token_gives_back_nothing_that_was_taken_away(
    source: Callable[..., Source], op: OpenIdProvider
) -> None:
    source(columns={"groups": {"caseworker": "Caseworkers"}}, claims={"groups": "groups"})
    before = token(op, iat=int(time.time()) - 200, groups=["caseworker"], name="Old Name")
    roles = []
    for minutes, text in enumerate([before, token(op, groups=[], name="New Name"), before]):
        with time_machine.travel(timezone.now() + timedelta(seconds=61 * minutes)):
            roles.append(call(text).json()["User"]["groups"]["group"])
    assert [bool(held) for held in roles] == [True, False, False], roles
    assert User.objects.get().name == "New Name"


def test_cognitos_tokens_without_aud(source: Callable[..., Source], op: OpenIdProvider) -> None:
    source(**COGNITO)
    fine = {"aud": None, "client_id": CLIENT_ID, "token_use": "access"}
    assert call(token(op, **fine)).status_code == 200
    for wrong in ({"client_id": "other"}, {"token_use": "id"}, {"token_use": None}):
        assert call(token(op, **{**fine, **wrong})).status_code == 401


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "other"}, {"exp": 1}, {"iss": "https://evil.example"}, {"nonce": "x"},
        {"sub": None}, {"cnf": {"jkt": "x"}},
    ],
    ids=str,
)  # fmt: skip
def test_a_bad_token_gets_a_challenge(
    source: Callable[..., Source], op: OpenIdProvider, claims: dict[str, Any]
) -> None:
    source()
    answer = call(token(op, **claims))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    challenge = answer["WWW-Authenticate"]
    assert challenge.startswith('Bearer realm="vestibule", resource_metadata="')
    assert 'error="invalid_token"' in challenge
    assert not User.objects.exists()


def test_a_source_that_does_not_accept_is_not_asked(
    source: Callable[..., Source], op: OpenIdProvider
) -> None:
    source(accept_bearer=False)
    assert call(token(op)).status_code == 401
    assert not op.calls


def test_what_was_found_counts_for_a_minute(
    source: Callable[..., Source], op: OpenIdProvider
) -> None:
    source(bearer_validation="introspection")
    answers = {"active": True, "sub": "remote-1", "aud": CLIENT_ID, "exp": int(time.time()) + 3600}
    op.answers["introspect"] = page(200, json.dumps(answers).encode(), "application/json")
    assert [call("opaque-1").status_code for _ in range(3)] == [200] * 3
    assert op.calls["introspect"] == 1
    with at_most(4):
        assert call("opaque-1").status_code == 200
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        assert call("opaque-1").status_code == 200
    assert op.calls["introspect"] == 2
    op.answers["introspect"] = page(200, b'{"active": false}', "application/json")
    assert call("opaque-2").status_code == 401


def test_no_longer_than_the_token(source: Callable[..., Source], op: OpenIdProvider) -> None:
    source(leeway=0)
    brief = token(op, exp=int(time.time()) + 10)
    assert call(brief).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(seconds=11)):
        assert call(brief).status_code == 401


def test_of_two_sources_that_take_any_token_none_is_told_the_others(
    source: Callable[..., Source], op: OpenIdProvider
) -> None:
    source(bearer_validation="introspection")
    source("other", bearer_validation="introspection")
    assert call("opaque").status_code == 401
    assert op.calls["introspect"] == 0


def test_trouble_is_503_and_no_bad_token(source: Callable[..., Source], op: OpenIdProvider) -> None:
    source(bearer_validation="introspection")
    op.answers["introspect"] = page(500)
    answer = call("opaque")
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert "Retry-After" in answer


def test_who_is_disabled_is_refused_although_the_token_is_remembered(
    source: Callable[..., Source], op: OpenIdProvider
) -> None:
    source()
    text = token(op)
    assert call(text).status_code == 200
    User.objects.update(status=User.Status.DISABLED)
    assert call(text).status_code == 401
    foreign._memory = foreign._Memory()
    assert call(text).status_code == 403


def test_who_has_the_primary_key_of_somebody_who_is_gone_is_not_taken_for_them(
    source: Callable[..., Source], op: OpenIdProvider
) -> None:
    """As after a restore (docs/moving.md, 3)."""
    source()
    text = token(op)
    assert call(text).status_code == 200
    pk = User.objects.get().pk
    User.objects.all().delete()
    User.objects.create(pk=pk, username="other", username_key="other")
    assert call(text).status_code == 401


def test_who_awaits_access_and_who_is_unknown_are_refused(
    source: Callable[..., Source], op: OpenIdProvider
) -> None:
    source(columns={"require_assignment": True})
    assert call(token(op)).json()["error"] == "access_denied"
    Source.objects.filter(slug="cloud").update(enroll=False)
    fresh.sources()
    unknown = token(op, sub="remote-2")
    assert call(unknown).status_code == 403
    assert User.objects.count() == 1
    told = Client().get("/auth/session", headers={"Authorization": f"Bearer {unknown}"})
    assert (told.status_code, told.json()["isLoggedIn"]) == (200, False)


def test_there_is_nothing_to_leave_by_a_sources_own_token(
    source: Callable[..., Source], op: OpenIdProvider
) -> None:
    source()
    shown = {"Authorization": f"Bearer {token(op)}"}
    for method in ("POST", "DELETE"):
        answer = Client().generic(method, "/session/logout", headers=shown)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


def test_a_stranger_with_many_bad_tokens_is_slowed_down(
    source: Callable[..., Source], op: OpenIdProvider
) -> None:
    source(bearer_validation="introspection")
    op.answers["introspect"] = page(200, b'{"active": false}', "application/json")
    answers = [call(f"guess-{number}").status_code for number in range(62)]
    assert (answers[0], answers[-1]) == (401, 429)
    assert op.calls["introspect"] <= 60


def test_userinfo_of_ours_takes_no_foreign_token(
    source: Callable[..., Source], op: OpenIdProvider
) -> None:
    source()
    shown = {"Authorization": f"Bearer {token(op)}"}
    assert Client().get("/oauth/userinfo", headers=shown).status_code == 401
