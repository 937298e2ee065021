"""RFC 6750 and RFC 9728 at a protected route."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from oauth2_provider.models import get_access_token_model

from accounts.models import User
from tests.http.tokens.caller import DETAILS, Caller

pytestmark = pytest.mark.django_db(transaction=True)
PARAMETER = re.compile(r'(\w+)="([^"\\]*)"')


@pytest.fixture
def caller(person: User) -> Caller:
    own = Caller()
    own.login()
    return own


def said(challenge: str) -> dict[str, str]:
    scheme, _, rest = challenge.partition(" ")
    assert scheme == "Bearer"
    found = dict(PARAMETER.findall(rest))
    assert len(found) == rest.count("="), challenge
    return found


def test_2_1_the_header_is_the_only_place_for_a_token(caller: Caller) -> None:
    token = caller.pair["access_token"]
    assert caller.get().status_code == 200
    assert caller.client.get(DETAILS, {"access_token": token}).status_code == 401


def test_3_without_a_token_no_error_is_named(caller: Caller) -> None:
    found = said(Client().get(DETAILS)["WWW-Authenticate"])
    assert set(found) == {"realm", "resource_metadata"}


def test_3_1_a_bad_token_is_invalid_token_and_401(caller: Caller) -> None:
    answer = caller.get(token="nothing")
    found = said(answer["WWW-Authenticate"])
    assert answer.status_code == 401
    assert found["error"] == "invalid_token"
    assert found["error_description"] == answer.json()["error_description"]


def test_3_1_too_little_scope_is_insufficient_scope_and_403(caller: Caller) -> None:
    get_access_token_model().objects.update(scope="openid")
    answer = caller.get()
    found = said(answer["WWW-Authenticate"])
    assert answer.status_code == 403
    assert (found["error"], found["scope"]) == ("insufficient_scope", "profile groups")


def test_5_3_an_answer_to_a_token_is_not_cached(caller: Caller) -> None:
    assert caller.get()["Cache-Control"] == "no-store"
    assert caller.get("/auth/session")["Cache-Control"] == "no-store"


def test_rfc_9728_5_1_the_challenge_names_the_metadata(caller: Caller) -> None:
    found = said(Client().get(DETAILS)["WWW-Authenticate"])
    where = "http://localhost:8000/.well-known/oauth-protected-resource"
    assert found["resource_metadata"] == where
