"""Applications and devices on the account pages (docs/contract.md 1)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from accounts.models import Event, OutboxItem, StoredSession, User
from portal.authorization_server import client_rows
from portal.authorization_server.models import AccessToken, Client, Consent
from tests.http.conftest import stored, was_over
from tests.http.oauth.application import Application, register
from tests.http.oauth.listener import Listener, token_of

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_child_session_stands_under_its_applications_name(native: Application) -> None:
    native.sign_in(scope="openid offline_access")
    page = native.browser.get("/account/sessions")
    text = page.content.decode()
    assert text.index("Applications and devices") < text.index("The App")
    assert [row["session"].label for row in page.context["apart"]] == ["The App"]
    assert len(page.context["browsers"]) == 1


def test_nothing_is_said_of_applications_where_there_are_none(app: Application) -> None:
    assert "Applications and devices" not in app.browser.get("/account/sessions").content.decode()


def test_a_person_ends_one(native: Application) -> None:
    native.sign_in(scope="openid offline_access")
    uid = StoredSession.objects.get(kind="client").uid
    native.browser.post("/account/sessions", {"end": uid})
    assert native.userinfo().status_code == 401
    assert native.refresh().json()["error"] == "invalid_grant"


def test_what_was_allowed_is_listed_and_withdrawn(
    app: Application, person: User, listener: Listener
) -> None:
    Client.objects.update(backchannel_logout_uri=listener.url)
    app.sign_in(scope="openid profile offline_access")
    text = app.browser.get("/account/apps").content.decode()
    for word in ("The App", "See your name", "Stay signed in while you are away"):
        assert word in text
    done = app.browser.post("/account/apps", {"withdraw": "app"})
    assert done["Location"] == "/account/apps"
    assert app.userinfo().status_code == 401
    assert app.refresh().json()["error"] == "invalid_grant"
    assert not StoredSession.objects.filter(kind="client").exists()
    assert not AccessToken.objects.filter(application__client_id="app").exists()
    assert Event.objects.filter(name="consent.withdrawn").count() == 1
    assert app.ask().status_code == 200, "it asks again"
    assert "There is none." in app.browser.get("/account/apps").content.decode()
    (heard,) = listener.wait()
    assert token_of(app, heard)["sid"] == stored(app.browser).uid, "the session that goes on"


@pytest.fixture
def short_lived(native: Application, listener: Listener) -> Application:
    """Give an installed application without a refresh token, whose access token has expired."""
    Client.objects.update(backchannel_logout_uri=listener.url)
    native.sign_in(scope="openid")
    AccessToken.objects.all().delete()
    assert StoredSession.objects.filter(kind="client").count() == 1
    return native


def test_without_a_refresh_token_a_withdrawal_ends_the_application_too(
    short_lived: Application, listener: Listener
) -> None:
    short_lived.browser.post("/account/apps", {"withdraw": "native"})
    assert not StoredSession.objects.filter(kind="client").exists()
    assert Event.objects.get(name="session.ended").detail == "consent withdrawn"
    assert len(listener.wait()) == 1


@pytest.mark.parametrize(
    "delete",
    [
        lambda: client_rows.delete(Client.objects.filter(client_id="native")),
        lambda: Client.objects.get(client_id="native").delete(),
    ],
    ids=["administration", "row"],
)
def test_a_client_that_is_deleted_leaves_no_dead_application(
    short_lived: Application, delete: Callable[[], None]
) -> None:
    delete()
    assert not StoredSession.objects.filter(kind="client").exists()
    assert StoredSession.objects.count() == 1, "the browser stays signed in"
    assert Event.objects.get(name="session.ended").detail == "the application was deleted"
    assert not OutboxItem.objects.exists()


def test_what_was_not_allowed_cannot_be_withdrawn(app: Application) -> None:
    register("other")
    for name in ("other", "nobody", "vestibule", ""):
        assert was_over(app.browser, app.browser.post("/account/apps", {"withdraw": name}))


def test_an_unspent_code_goes_with_the_consent(app: Application) -> None:
    code = app.code()
    app.browser.post("/account/apps", {"withdraw": "app"})
    assert app.redeem(code).json()["error"] == "invalid_grant"
    assert not Consent.objects.exists()


def test_a_further_scope_is_asked_for(app: Application) -> None:
    app.sign_in(scope="openid profile")
    assert app.ask(scope="openid").status_code == 302
    assert app.ask(scope="openid email").status_code == 200
