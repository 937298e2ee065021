"""The account pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from rest_framework.permissions import AllowAny

from accounts.models import Event, Source, StoredSession, User
from tests.http.conftest import enter, sign_in, stored, was_over
from tests.http.onward import onward

pytestmark = pytest.mark.django_db(transaction=True)
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


def test_the_profile_shows_who_is_signed_in(client: Client, person: User) -> None:
    sign_in(client)
    page = client.get("/account/").content.decode()
    assert "Alice Åberg" in page
    assert "alice@example.org" in page


def test_sessions_are_listed_with_their_device(client: Client, person: User) -> None:
    sign_in(client)
    other = Client(headers={"User-Agent": FIREFOX}, REMOTE_ADDR="192.0.2.7")
    sign_in(other)
    rows = client.get("/account/sessions").context["rows"]
    assert [row["current"] for row in rows].count(True) == 1
    theirs = next(row for row in rows if not row["current"])
    assert (theirs["device"], theirs["session"].address) == ("Firefox, Linux", "192.0.2.7")


def test_each_button_of_the_list_has_a_name_of_its_own(client: Client, person: User) -> None:
    """A screen reader lists them without the rows about them."""
    for days in (3, 2):
        with time_machine.travel(timezone.now() - timedelta(days=days)):
            sign_in(Client(headers={"User-Agent": FIREFOX}))
    StoredSession.objects.update(expire_date=timezone.now() + timedelta(hours=1))
    sign_in(client)
    for page, name in (("/account/sessions", "end"), ("/account/devices", "forget")):
        shown = client.get(page).content.decode()
        said = re.findall(rf'<button class="secondary" name="{name}".*?</button>', shown)
        names = {re.sub("<[^>]*>", "", each) for each in said}
        assert len(names) == len(said) > 1, page


def test_one_session_can_be_ended(client: Client, person: User) -> None:
    sign_in(client)
    other = Client()
    sign_in(other)
    uid = stored(other).uid
    response = client.post("/account/sessions", {"end": uid})
    assert response["Location"] == "/account/sessions"
    assert other.get("/account/")["Location"].startswith("/login")
    assert client.get("/account/").status_code == 200
    assert Event.objects.filter(name="session.ended").count() == 1
    assert was_over(client, client.post("/account/sessions", {"end": uid}))
    assert Event.objects.filter(name="session.ended").count() == 1


def test_e09_all_others_can_be_ended(client: Client, person: User) -> None:
    others = [Client() for _ in range(3)]
    for each in (*others, client):
        sign_in(each)
    client.post("/account/sessions", {"end": "others"})
    assert StoredSession.objects.get() == stored(client)


def test_ending_the_current_one_is_leaving(client: Client, person: User) -> None:
    sign_in(client)
    assert client.post("/account/sessions", {"end": stored(client).uid})["Location"] == "/"
    assert not StoredSession.objects.exists()


@pytest.mark.parametrize("end", ["", "0" * 32, "x" * 5000, "' OR 1=1 --"])
def test_nobody_ends_what_is_not_theirs(client: Client, person: User, end: str) -> None:
    sign_in(client)
    User.objects.create_user("mallory", "a long enough password").give_local_identity()
    other = Client()
    sign_in(other, "mallory", "a long enough password")
    for value in (end, stored(other).uid):
        assert was_over(client, client.post("/account/sessions", {"end": value}))
    assert StoredSession.objects.count() == 2


def test_ways_in_can_be_unlinked_but_not_the_one_in_use(
    client: Client, person: User, tenant: Callable[..., Source]
) -> None:
    tenant()
    sign_in(client)
    local = person.identities.get()
    linked = person.identities.create(source=Source.objects.get(slug="town"), subject="bob")
    elsewhere, stranger = Client(), Client()
    enter(elsewhere, "town")
    enter(stranger, "town", "carol")
    own, same, other = (
        each.get("/auth/ends").json()["who"] for each in (client, elsewhere, stranger)
    )
    assert own == same != other
    assert client.post("/account/sign-ins", {"unlink": local.pk}).status_code == 404
    assert was_over(client, client.post("/account/sign-ins", {"unlink": "nonsense"}))
    assert client.post("/account/sign-ins", {"unlink": linked.pk}).status_code == 303
    assert was_over(client, client.post("/account/sign-ins", {"unlink": linked.pk}))
    assert list(person.identities.all()) == [local]
    assert elsewhere.get("/auth/session").json()["isLoggedIn"] is False


def test_e14_a_disabled_person_is_out_at_the_next_request(client: Client, person: User) -> None:
    from accounts.session import people

    sign_in(client)
    people.disable(person)
    assert client.get("/account/")["Location"].startswith("/login")
    assert client.get("/auth/session").json()["isLoggedIn"] is False


def test_idle_sessions_are_sent_to_sign_in(client: Client, person: User) -> None:
    import time_machine

    sign_in(client)
    with time_machine.travel(timezone.now() + timedelta(hours=9), tick=False):
        assert client.get("/account/")["Location"] == "/login?next=%2Faccount%2F"


def test_scripts_get_a_code_and_not_a_redirect(client: Client, db: None) -> None:
    for headers in (
        {"Accept": "application/json"},
        {"X-Requested-With": "XMLHttpRequest"},
        {"Sec-Fetch-Mode": "cors", "Accept": "*/*"},
    ):
        response = client.get("/account/", headers=headers)
        assert response.status_code == 401
        assert response.json()["error"] == "login_required"
        assert response["Cache-Control"] == "no-store"
        # RFC 9110, 15.5.2: every 401 names a scheme; no token opens this page.
        assert response["WWW-Authenticate"].startswith('Cookie realm="vestibule"')


# docs/contract.md: what an anonymous person may come to. Everything else asks to sign in.
OPEN = {
    "", "login", "login/failed/<str:code>", "login/forgotten", "login/forgotten/sent",
    "login/reset/<str:uidb64>/<str:token>", "login/passkey", "login/passkey/options",
    "login/second",
    "auth/login/<slug:slug>", "auth/callback/<slug:slug>",
    "logout/", "auth/logout", "auth/logout/done", "auth/logout/again", "onward/<str:key>",
    "auth/logout/ended", "auth/logout/idle", "auth/ends", "account/second-factor/codes",
    "auth/backchannel/<slug:slug>", "auth/frontchannel/<slug:slug>",
    "auth/logout/cms", "favicon.ico", "icon.svg", "apple-touch-icon.png", "robots.txt",
    ".well-known/change-password", ".well-known/passkey-endpoints", "auth/session", "auth/sources",
    "institution.css",
    "healthz", "readyz", "i18n/setlang/", "admin/login/",
    "session/login", "session/refresh", "session/refreshToken", "openid/providers",
    "openid/<slug:slug>/login", "openid/<slug:slug>/callback", "openid/<str:slug>/tokens",
    "api/schema/", "docs", "docs/try", "doctor", "metrics", "login/letmein/<str:token>",
    "oauth/authorize", "oauth/consent", "oauth/par", "oauth/token", "oauth/userinfo",
    "oauth/introspect", "oauth/revoke", "oauth/jwks", "oauth/logout", "oauth/after-logout",
    "oauth/device_authorization", "device", "device/qr/<str:user_code>.svg",
    ".well-known/openid-configuration",
    ".well-known/oauth-authorization-server", ".well-known/oauth-protected-resource",
    ".vestibule/start", ".vestibule/accept",
    ".well-known/webfinger", "gateway/check",
}  # fmt: skip


def _routes(patterns: list[Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in patterns:
        route = prefix + str(each.pattern)
        if isinstance(each, URLResolver):
            found |= _routes(each.url_patterns, route)
        elif isinstance(each, URLPattern):
            found[route] = each.callback
    return found


def _is_open(view: Any) -> bool:
    """Tell whether anonymous people come in. DRF guards its own by the permissions they name."""
    permissions = getattr(getattr(view, "cls", None), "permission_classes", None)
    if permissions is not None:
        return AllowAny in permissions
    return not getattr(view, "login_required", True)


@pytest.mark.parametrize("uid", ["", "\0", "nobody", "x" * 5000])
def test_a_session_that_is_none_cannot_be_ended(client: Client, person: User, uid: str) -> None:
    sign_in(client)
    assert was_over(client, client.post("/account/sessions", {"end": uid}))


def test_every_route_is_closed_that_the_contract_does_not_open() -> None:
    routes = _routes(get_resolver().url_patterns)
    open_ones = {route for route, view in routes.items() if _is_open(view)}
    assert open_ones == OPEN, open_ones ^ OPEN


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        ({"code": "bob"}, "This way in belongs to another account"),
        ({"error": "access_denied"}, "This way in was not added"),
        ({"error": "temporarily_unavailable"}, "This way in was not added"),
    ],
)
def test_a_way_in_that_was_not_added_leads_back_to_the_account(
    client: Client,
    person: User,
    tenant: Callable[..., Source],
    answer: dict[str, str],
    title: str,
) -> None:
    tenant()
    enter(Client(), "town")
    sign_in(client)
    asked = onward(client, client.post("/account/sign-ins", {"link": "town"}))
    state = asked["Location"].split("state=")[1].split("&")[0]
    failed = client.get("/auth/callback/town", {**answer, "state": state})
    for browser in (client, Client()):
        assert_leads_back(browser.get(failed["Location"]), title)


def test_a_way_in_that_cannot_be_asked_leads_back_to_the_account(
    client: Client, person: User, tenant: Callable[..., Source]
) -> None:
    tenant(begins="/" + "x" * 9000)
    sign_in(client)
    failed = client.post("/account/sign-ins", {"link": "town"})
    assert_leads_back(client.get(failed["Location"]), "This way in was not added")
    lost = client.get("/auth/callback/town", {"code": "bob", "state": "nobody-knows"})
    assert_leads_back(client.get(lost["Location"]), "We could not sign you in")


def test_a_form_that_adds_a_way_in_too_late_leads_back_to_the_account(
    client: Client, person: User, tenant: Callable[..., Source]
) -> None:
    """Sent after twenty minutes, or once its session is over."""
    tenant()
    enter(client, "town")
    page = client.post("/account/sign-ins", {"link": "local"}).content.decode()
    link = page.split('name="link" value="')[1].split('"')[0]
    late = timezone.now() + timedelta(minutes=20)
    for browser in (client, Client()):
        with time_machine.travel(late, tick=True):
            failed = browser.post("/auth/login/local", {"username": "alice", "link": link})
            assert_leads_back(browser.get(failed["Location"]), "This way in was not added")


def assert_leads_back(page: Any, title: str) -> None:
    html = page.content.decode()
    assert f"<h1>{title}</h1>" in html
    assert 'href="/account/sign-ins">Back to your account<' in html
    assert "/auth/login/" not in html
    assert "choose=1" not in html
