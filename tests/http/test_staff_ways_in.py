"""An administrator who came by a source that signs in none changes none of their ways in (U36)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.factors import codes, keeping, totp
from accounts.models import Identity, Passkey, RecoveryCode, Source, TotpKey, User
from portal import urls
from tests.http.conftest import PASSWORD, enter, sign_in
from tests.http.factors.conftest import SECOND, Factor
from tests.http.onward import onward
from tests.http.passkeys import steps
from tests.http.passkeys.authenticator import Authenticator
from tests.peers import fresh
from tests.peers.upstream import Upstream, upstream

Tenant = Callable[..., Source]
NEW = "another horse battery staple"
SIGN_INS, SECOND_FACTOR = "/account/sign-ins", "/account/second-factor"


@pytest.fixture(scope="module")
def peer() -> Iterator[Upstream]:
    with upstream() as running:
        yield running


@pytest.fixture
def ada(tenant: Tenant, peer: Upstream) -> User:
    """An administrator with every way in: a password, an authenticator, a passkey, the
    unmarked `town`, as bob, and `school`. There is another one, so she is not the last.
    """
    peer.extra = {"acr": "substantial"}
    User.objects.create_superuser("root", PASSWORD)
    user = User.objects.create_superuser("ada", PASSWORD, name="Ada")
    for slug in ("town", "school", "keep"):
        row = tenant(slug)
        if slug != "keep":
            known = {"source": row, "issuer": peer.url, "subject": "bob"}
            Identity.objects.create(user=user, **known)
    Passkey.objects.create(user=user, credential_id="hers", label="Hers")
    Source.objects.update(allow_erasure=True)
    fresh.sources()
    return user


@pytest.fixture
def factor(ada: User) -> Factor:
    return Factor(ada)


def by_town() -> Client:
    """Return the browser of whoever holds her account in the town: fresh, strong, no rights."""
    browser = Client()
    enter(browser, "town", "bob")
    assert browser.get("/admin/").status_code == 403
    return browser


def by_password(factor: Factor) -> Client:
    """Return her own browser, with all rights."""
    browser = Client()
    sign_in(browser, "ada")
    browser.post(SECOND, {"code": factor.again()})
    assert browser.get("/admin/").status_code == 200
    return browser


def held(ada: User) -> Any:
    """Return all by which she comes in."""
    now = User.objects.filter(pk=ada.pk).first()
    return (
        now and now.password,
        sorted(Identity.objects.filter(user_id=ada.pk).values_list("source__slug", flat=True)),
        sorted(Passkey.objects.filter(user_id=ada.pk).values_list("credential_id", "label")),
        list(TotpKey.objects.filter(user_id=ada.pk).values_list("sealed", flat=True)),
        sorted(RecoveryCode.objects.filter(user_id=ada.pk).values_list("digest", flat=True)),
    )


# --- What a person can do to their ways in --------------------------------------------------------


def add_passkey(browser: Client, _ada: User) -> Any:
    options, challenge = steps.new(browser)
    return steps.send_new(browser, Authenticator().make(options), challenge)


def remove_passkey(browser: Client, ada: User) -> Any:
    return browser.post(steps.PAGE, {"remove": Passkey.objects.get(user=ada).pk})


def rename_passkey(browser: Client, ada: User) -> Any:
    return browser.post(steps.PAGE, {"rename": Passkey.objects.get(user=ada).pk, "label": "Mine"})


def take_authenticator(browser: Client, ada: User) -> Any:
    made = keeping.offer(ada)
    code = totp.code_of(made.secret, totp.step_at(timezone.now()))
    return browser.post(SECOND_FACTOR, {"act": "take", "offer": made.sealed, "code": code})


def make_codes(browser: Client, _ada: User) -> Any:
    return browser.post(SECOND_FACTOR, {"act": "codes"})


def remove_authenticator(browser: Client, _ada: User) -> Any:
    return browser.post(SECOND_FACTOR, {"act": "remove"})


def link(browser: Client, _ada: User) -> Any:
    answer = browser.post(SIGN_INS, {"link": "keep"})
    if answer["Location"] != SIGN_INS:
        state = onward(browser, answer)["Location"].split("state=")[1].split("&")[0]
        browser.get("/auth/callback/keep", {"code": "eve", "state": state})
    return answer


def unlink(browser: Client, ada: User) -> Any:
    way = Identity.objects.get(user=ada, source__slug="school")
    return browser.post(SIGN_INS, {"unlink": way.pk})


def change_password(browser: Client, _ada: User) -> Any:
    form = {"old_password": PASSWORD, "new_password": NEW, "again": NEW}
    return browser.post("/account/password", form)


WAYS = [
    (steps.PAGE, add_passkey),
    (steps.PAGE, remove_passkey),
    (steps.PAGE, rename_passkey),
    (SECOND_FACTOR, take_authenticator),
    (SECOND_FACTOR, make_codes),
    (SECOND_FACTOR, remove_authenticator),
    (SIGN_INS, link),
    (SIGN_INS, unlink),
    ("/account/password", change_password),
]
NONE_OF_THEM = {
    "/account/": "is read",
    "/account/stay": "prolongs the session",
    "/account/sessions": "ends sessions, which whoever sees a strange one may",
    "/account/devices": "trust lets nobody in, and ends where a strange browser is seen",
    "/account/data": "is read",
    "/account/data/export": "is read",
    "/account/data/delete": "is for nobody who opens the administration",
    "/account/apps": "withdraws what was allowed",
    "/account/app-passwords": "has the rights of its session, and lets nobody in here",
    "/account/second-factor/codes": "shows what the session itself has made",
}


@pytest.mark.parametrize(("page", "act"), WAYS, ids=[act.__name__ for _page, act in WAYS])
def test_u36_a_session_without_rights_changes_no_way_in(
    ada: User, factor: Factor, page: str, act: Callable[[Client, User], Any]
) -> None:
    browser, before = by_town(), held(ada)
    answer = act(browser, ada)
    assert (answer.status_code, answer["Location"]) == (303, page)
    assert held(ada) == before
    html = browser.get(page).content.decode()
    assert "only while you are signed in as an administrator" in html
    assert "then try again: Username and password<" in html
    assert codes.left(ada) == 10
    act(by_password(factor), ada)
    assert held(ada) != before, "the same with all rights does nothing either"


def test_each_page_of_the_account_is_one_or_the_other() -> None:
    found = {
        f"/{each.pattern}" for each in urls.urlpatterns if str(each.pattern).startswith("account/")
    }
    assert found == {page for page, _act in WAYS} | set(NONE_OF_THEM)


@pytest.mark.parametrize("rights", [{"is_staff": True}, {"is_superuser": True}, {}])
def test_u36_it_meets_administrators_alone(
    ada: User, factor: Factor, rights: dict[str, bool]
) -> None:
    User.objects.filter(pk=ada.pk).update(**{"is_staff": False, "is_superuser": False, **rights})
    browser, before = by_town(), held(ada)
    make_codes(browser, ada)
    assert (held(ada) == before) is bool(rights)


def test_u36_no_passkey_makes_an_administrator_of_it(ada: User) -> None:
    browser, own = by_town(), Authenticator()
    page = browser.get(steps.PAGE)
    assert b"data-passkey" not in page.content
    answer = own.make(json.loads(page.context["options"]))
    steps.send_new(browser, answer, page.context["challenge"])
    other = Client()
    steps.use(other, own)
    assert not other.get("/auth/session").json()["isLoggedIn"]


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Sign out, sign in this way, then try again: Keep"),
        ("da", "Log ud, log ind på denne måde, og prøv så igen: Keep"),
        ("de", "versuchen Sie es dann noch einmal: Keep"),
    ],
)
def test_the_page_names_the_ways_that_do(
    ada: User, tenant: Tenant, language: str, said: str
) -> None:
    ada.identities.filter(source__slug="local").delete()
    ada.identities.create(source=tenant("keep", columns={"staff": True}), subject="ada")
    browser = by_town()
    browser.cookies["vestibule-language"] = language
    assert said in browser.get(SIGN_INS).content.decode()


def test_whoever_has_no_such_way_asks_another_administrator(ada: User) -> None:
    ada.identities.filter(source__slug="local").delete()
    html = by_town().get(SIGN_INS).content.decode()
    assert "Ask another administrator" in html
    assert 'name="link"' not in html
    assert 'name="unlink"' not in html
