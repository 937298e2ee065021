"""Clients and tokens in the admin: listed and revoked, their values never shown
(docs/contract.md 7).
"""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from oauth2_provider.models import get_access_token_model, get_refresh_token_model

from accounts.models import Event, StoredSession, User
from portal.tokens import pair
from tests.http.conftest import sign_in, stored
from tests.http.oauth.application import Application, register
from tests.http.tokens.caller import Caller, dead_for_good, is_alive

pytestmark = pytest.mark.django_db(transaction=True)
PAGES = ("accesstoken", "refreshtoken", "grant", "idtoken", "devicegrant", "client")
WORD = "a long enough password"


@pytest.fixture
def caller(person: User) -> Caller:
    own = Caller()
    own.login()
    return own


@pytest.fixture
def admin(house: None) -> Client:
    User.objects.create_superuser("root", WORD)
    own = Client(HTTP_HOST="localhost")
    sign_in(own, "root", WORD)
    return own


@pytest.mark.parametrize("page", PAGES)
def test_every_list_is_shown_and_searched(admin: Client, caller: Caller, page: str) -> None:
    for query in ("", "?q=alice"):
        answer = admin.get(f"/admin/authorization_server/{page}/{query}")
        assert answer.status_code == 200
        for token in (caller.pair["access_token"], caller.pair["refresh_token"]):
            assert token not in answer.content.decode()


@pytest.mark.parametrize("page", sorted(set(PAGES) - {"client"}))
def test_nothing_is_added_by_hand(admin: Client, page: str) -> None:
    assert admin.get(f"/admin/authorization_server/{page}/add/").status_code == 403


@pytest.mark.parametrize("page", ["accesstoken", "refreshtoken"])
def test_a_token_is_revoked_with_its_twin(admin: Client, caller: Caller, page: str) -> None:
    other = Caller()
    other.login()
    models: dict[str, Any] = {
        "accesstoken": get_access_token_model(),
        "refreshtoken": get_refresh_token_model(),
    }
    chosen = models[page].objects.order_by("pk").first()
    form = {"action": "revoke", "_selected_action": [chosen.pk]}
    answer = admin.post(f"/admin/authorization_server/{page}/", form)
    assert answer.status_code == 302
    assert dead_for_good(caller)
    assert is_alive(other)
    assert not Event.objects.filter(name="token.reused").exists(), "nobody has stolen it"
    assert StoredSession.objects.filter(kind="client").count() == 1, "no dead one is listed"


def test_each_token_that_is_revoked_without_its_session_is_an_event(
    admin: Client, person: User
) -> None:
    sign_in(browser := Client())
    pair.issue(stored(browser))
    Application(register(), browser).sign_in()
    for page, model in (
        ("refreshtoken", get_refresh_token_model()), ("accesstoken", get_access_token_model()),
    ):  # fmt: skip
        form = {"action": "revoke", "_selected_action": [model.objects.get().pk]}
        admin.post(f"/admin/authorization_server/{page}/", form)
    told = Event.objects.filter(name="token.revoked", user=person, actor="administrator")
    assert {each.session_uid for each in told} == {stored(browser).uid}
    said = [each.detail for each in told.order_by("pk")]
    assert said == ["vestibule: by an administrator", "app: by an administrator"]


@pytest.mark.parametrize("page", ["accesstoken", "refreshtoken"])
@pytest.mark.parametrize("colleague", ["is_staff", "is_superuser"])
def test_without_all_rights_nobody_signs_a_colleague_out_by_a_token(
    caller: Caller, admin: Client, person: User, page: str, colleague: str
) -> None:
    """The session of a token pair ends with it, as if it were ended in the list of sessions."""
    clerk = User.objects.create_user("clerk", WORD, is_staff=True)
    clerk.give_local_identity()
    clerk.user_permissions.set(Permission.objects.filter(codename__in=[
        f"{verb}_{page}" for verb in ("view", "delete")
    ]))  # fmt: skip
    User.objects.filter(pk=person.pk).update(**{colleague: True})
    models = {"accesstoken": get_access_token_model(), "refreshtoken": get_refresh_token_model()}
    desk = Client(HTTP_HOST="localhost")
    sign_in(desk, "clerk", WORD)
    pair.issue(stored(desk))
    place = f"/admin/authorization_server/{page}/"
    every = [each.pk for each in models[page].objects.filter(user__in=[person, clerk])]
    assert len(every) == 2
    form = {"action": "revoke", "_selected_action": every}
    said = desk.post(place, form, follow=True).content.decode()
    assert "1 token was left: only somebody with all rights" in said
    assert "1 token was revoked." in said, "their own"
    assert is_alive(caller)
    assert admin.post(place, form).status_code == 302
    assert dead_for_good(caller)


def test_whoever_may_not_delete_tokens_may_not_revoke_them(caller: Caller) -> None:
    User.objects.create_user("clerk", WORD, is_staff=True).give_local_identity()
    clerk = Client(HTTP_HOST="localhost")
    sign_in(clerk, "clerk", WORD)
    assert clerk.get("/admin/authorization_server/accesstoken/").status_code == 403
    assert is_alive(caller)
