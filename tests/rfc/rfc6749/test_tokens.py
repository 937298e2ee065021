"""RFC 6749 where our own tokens are issued and refreshed, and RFC 9700 on both."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from oauth2_provider.models import (
    get_access_token_model,
    get_application_model,
    get_grant_model,
    get_id_token_model,
    get_refresh_token_model,
)
from oauth2_provider.settings import oauth2_settings
from oauthlib.common import Request
from oauthlib.oauth2.rfc6749.errors import InvalidRequestError

from accounts.models import StoredSession, User
from portal.authorization_server.expiry import clear_expired
from portal.authorization_server.models import Client, DeviceGrant
from portal.authorization_server.validator import SessionValidator
from tests.http.tokens.caller import Caller

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]


@pytest.fixture
def caller(person: User) -> Caller:
    own = Caller()
    own.login()
    return own


@pytest.fixture
def asked(caller: Caller) -> Request:
    """Return the request of a client for which a person has approved something."""
    request = Request("http://localhost:8000/oauth/token", "POST")
    request.client = get_application_model().objects.get()
    session = StoredSession.objects.select_related("user").get()
    request.user, request.session_uid = session.user, session.uid
    request.scopes, request.redirect_uri = ["openid"], "https://client.example/cb"
    request.code_challenge, request.code_challenge_method = "x" * 43, "S256"
    request.nonce, request.claims = "", {}
    return request


def test_5_1_the_answer_names_the_type_and_the_life_and_is_not_kept(caller: Caller) -> None:
    answer = caller.refresh()
    assert answer["Cache-Control"] == "no-store"
    assert answer["Content-Type"].startswith("application/json")
    assert answer.json()["token_type"].lower() == "bearer"
    assert isinstance(answer.json()["expires_in"], int)


def test_5_2_an_error_has_a_code_and_a_sentence(caller: Caller) -> None:
    body = caller.refresh("vstr_unknown").json()
    assert set(body) == {"error", "error_description"}
    assert body["error"] == "invalid_grant"


def test_6_the_scope_stays_the_same_through_refreshes(caller: Caller) -> None:
    before = get_access_token_model().objects.get().scope
    caller.refresh()
    assert get_access_token_model().objects.get().scope == before


def test_10_3_and_10_4_tokens_have_256_random_bits(caller: Caller) -> None:
    assert len(caller.pair["access_token"]) == len("vsta_") + 43 + 6
    assert len(caller.pair["refresh_token"]) == len("vstr_") + 43 + 6


@pytest.mark.parametrize("gate", [name for name in oauth2_settings.defaults if "RFC9700" in name])
def test_rfc_9700_every_gate_is_closed(gate: str) -> None:
    assert getattr(oauth2_settings, gate) is True


def test_rfc_9700_2_4_the_password_grant_is_nowhere(caller: Caller) -> None:
    form = {"grant_type": "password", "username": "alice", "password": "x"}
    for route in ("/oauth/token", "/o/token/", "/token"):
        assert caller.client.post(route, form).status_code >= 400


def test_the_issuer_is_fixed_and_not_the_hosts(settings: Any) -> None:
    assert oauth2_settings.OIDC_ISS_ENDPOINT == settings.VESTIBULE_SITE_URL


def test_all_six_models_are_ours() -> None:
    found = {
        model._meta.label
        for model in (
            get_application_model(), get_grant_model(), get_access_token_model(),
            get_refresh_token_model(), get_id_token_model(), DeviceGrant,
        )
    }  # fmt: skip
    assert len(found) == 6
    assert all(label.startswith("authorization_server.") for label in found)


# --- A code carries its session to its tokens -----------------------------------------------------


def test_4_1_2_a_code_belongs_to_the_session_that_approved_it(asked: Request) -> None:
    validator = SessionValidator()
    validator.save_authorization_code("vestibule", {"code": "c0de"}, asked)
    later = Request("http://localhost:8000/oauth/token", "POST")
    later.client = asked.client
    assert validator.validate_code("vestibule", "c0de", asked.client, later)
    assert later.session_uid == asked.session_uid
    assert not validator.validate_code("vestibule", "other", asked.client, later)
    StoredSession.objects.all().delete()
    assert not get_grant_model().objects.exists()


@pytest.mark.parametrize("method", ["plain", "", None])
def test_rfc_7636_a_code_needs_a_challenge_by_s256(asked: Request, method: Any) -> None:
    asked.code_challenge_method = method
    with pytest.raises(InvalidRequestError):
        SessionValidator().save_authorization_code("vestibule", {"code": "c0de"}, asked)


def test_the_toolkits_own_check_of_a_bearer_knows_of_sessions(caller: Caller, person: User) -> None:
    token = caller.pair["access_token"]
    validator = SessionValidator()
    assert validator.validate_bearer_token(token, ["profile"], Request("/"))
    User.objects.filter(pk=person.pk).update(status="disabled")
    assert not validator.validate_bearer_token(token, ["profile"], Request("/"))
    assert not validator.validate_bearer_token("x", ["profile"], Request("/"))


# --- Clearing away --------------------------------------------------------------------------------


def test_what_has_expired_is_cleared_away_device_codes_too(caller: Caller) -> None:
    past = timezone.now() - timedelta(days=1)
    client = Client.objects.create(client_id="tv", name="Television", kind="device")
    DeviceGrant.objects.create(
        application=client, client_id="tv", device_code="d", user_code="u", scope="", expires=past
    )
    caller.refresh()
    assert clear_expired() == 1
    assert caller.refresh().status_code == 200
    get_refresh_token_model().objects.update(revoked=timezone.now() - timedelta(days=40))
    clear_expired()
    assert not get_refresh_token_model().objects.exists()
