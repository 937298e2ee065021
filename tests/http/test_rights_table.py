"""Every right, every page, every action of the administration, and what it makes of its owner:
nothing more than before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import chain
from typing import Any

import pytest
import time_machine
from django.contrib import admin as django_admin
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.db.models import Q
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Source, User
from portal.authorization_server.models import Client as Registered
from portal.gateway import persons
from tests.http.conftest import PASSWORD, sign_in
from tests.http.oauth.application import Application, register
from tests.http.onward import onward

Tenant = Callable[..., Source]
HARMLESS = ("SELECT ", "SAVEPOINT ", "RELEASE ", "ROLLBACK ", 'INSERT INTO "accounts_event" ')
EVERYTHING = "each right, but not all rights"
OF_MODELS = [
    [f"{verb}_{model._meta.model_name}" for verb in ("add", "change", "delete", "view")]
    for model in django_admin.site._registry
]
ROLES = [
    *(pytest.param(rights, id=rights[0].removeprefix("add_")) for rights in OF_MODELS),
    *(pytest.param([each], id=each, marks=pytest.mark.soak) for each in chain(*OF_MODELS)),
    pytest.param([EVERYTHING], id=EVERYTHING),
]


@pytest.fixture
def root(house: None) -> User:
    """The administrator with all rights, who waits in the queue's group as well."""
    user = User.objects.create_superuser("root", PASSWORD, email="root@example.org")
    rulers = Group.objects.create(name="Rulers")
    rulers.permissions.set(Permission.objects.all())
    user.groups.add(rulers)
    return user


@pytest.fixture
def waiting(house: None) -> User:
    return User.objects.create_user("wanda", status="awaiting_access")


def staff(*rights: str, name: str = "carl") -> tuple[User, Client]:
    """Return somebody with these rights, who is in one group, and their browser."""
    user = User.objects.create_user(name, PASSWORD, is_staff=True, email=f"{name}@example.org")
    user.give_local_identity()
    given = Permission.objects.all()
    if EVERYTHING not in rights:
        given = given.filter(codename__in=rights)
    user.user_permissions.set(given)
    user.groups.add(Group.objects.get_or_create(name="Desk")[0])
    client = Client(raise_request_exception=True)
    sign_in(client, name)
    return user, client


def powers(user: User) -> Any:
    """Return all that somebody may do, as the database has it now."""
    now = User.objects.get(pk=user.pk)
    groups = sorted(now.groups.values_list("name", flat=True))
    return now.is_staff, now.is_superuser, sorted(now.get_all_permissions()), groups, now.status


def hold(user: User) -> Any:
    """Return by what somebody comes in."""
    now = User.objects.get(pk=user.pk)
    ways = sorted(now.identities.values_list("source__slug", "issuer", "subject"))
    return now.username, now.email, now.password, ways, powers(now)


def reach() -> set[tuple[Any, ...]]:
    """Return which clients act for people without being asked for, each with who could be it."""
    rows = Registered.objects.filter(
        Q(skip_authorization=True) | Q(introspects=True) | Q(allowed_scopes__contains="gateway")
    )
    who = ("client_id", "kind", "auth_method", "client_secret", "redirect_uris", "allowed_scopes")
    return set(rows.values_list(*who, "skip_authorization", "introspects"))


def whose(email: str) -> list[User]:
    """Return who has a verified address: applications take all of them for one person."""
    return list(User.objects.filter(email__iexact=email, email_verified=True))


def pages() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each page that writes, of each model, with nothing in it but a yes."""
    for model in django_admin.site._registry:
        place = f"/admin/{model._meta.app_label}/{model._meta.model_name}"
        yield f"{place}/add/", {}
        for row in model._default_manager.all():
            yield f"{place}/{row.pk}/change/", {}
            yield f"{place}/{row.pk}/delete/", {"post": "yes"}


def forms(actor: User, root: User, waiting: User) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each page with what its owner would send to have more."""
    every = [each.pk for each in Permission.objects.all()]
    groups = [each.pk for each in Group.objects.all()]
    desk, rulers = Group.objects.get(name="Desk"), Group.objects.get(name="Rulers")
    person = {"name": "", "status": "active", "is_staff": "on", "is_superuser": "on"}
    person |= {"groups": groups, "user_permissions": every}
    source = {"order": 1, "label": "", "note": "", "after_login": "", "staff": "on"}
    source |= {"groups": json.dumps({"all": "Rulers"}), "enabled": ""}
    settings = {"settings": json.dumps({"upstream": "https://evil.example"})}
    town, local = (Source.objects.get(slug=slug) for slug in ("town", "local"))
    for group in (desk, rulers):
        yield f"/admin/auth/group/{group.pk}/change/", {"name": "Rulers 2", "permissions": every}
        yield f"/admin/auth/group/{group.pk}/delete/", {"post": "yes"}
    yield "/admin/auth/group/add/", {"name": "Mine", "permissions": every}
    for user in (actor, root):
        mine = {**person, "username": user.username, "email": "carl@evil.example"}
        yield f"/admin/accounts/user/{user.pk}/change/", mine
        fewer = {"username": user.username, "name": "", "email": user.email, "status": "disabled"}
        yield f"/admin/accounts/user/{user.pk}/change/", fewer
    yield f"/admin/accounts/user/{actor.pk}/change/", as_root(actor, root)
    named = {"username": "rooty", "name": "", "email": root.email, "status": "active"}
    yield "/admin/accounts/user/add/", named
    yield f"/admin/accounts/user/{root.pk}/delete/", {"post": "yes"}
    yield "/admin/accounts/user/add/", {**person, "username": "twin", "email": ""}
    way = root.identities.get()
    yield f"/admin/accounts/identity/{way.pk}/delete/", {"post": "yes", "reason": "x"}
    yield f"/admin/accounts/identity/{way.pk}/change/", {"user": actor.pk}
    for row in (town, local):
        yield f"/admin/accounts/source/{row.pk}/change/", {**source, **settings}
        yield f"/admin/accounts/source/{row.pk}/delete/", {"post": "yes"}
    new = {**source, **settings, "slug": "mine", "provider": "tenant"}
    yield "/admin/accounts/source/add/", new
    yield f"/admin/operations/awaitingperson/{waiting.pk}/change/", {"groups": [rulers.pk]}
    yield "/admin/operations/awaitingperson/", {"_let_in": f"{waiting.pk}:{rulers.pk}"}
    yield from client_forms()


def as_root(actor: User, root: User) -> dict[str, Any]:
    """Return the actor's own page as it is, with root's address."""
    rows = {name: getattr(actor, name).values_list("pk", flat=True) for name in
            ("groups", "user_permissions")}  # fmt: skip
    held = {name: list(pks) for name, pks in rows.items()}
    return {"username": actor.username, "name": "", "email": root.email, "status": "active", **held}


def client_forms() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each page of a client with what would let it act for others, unasked."""
    place = "/admin/authorization_server/client"
    own = "https://carl.example/cb"
    far = {"name": "Mine", "kind": "native", "auth_method": "none", "redirect_uris": own}
    far |= {"allowed_scopes": "openid gateway offline_access", "jwks": "{}"}
    sent = {**far, "skip_authorization": "on", "introspects": "on", "allowed_origins": ""}
    modest = {**far, "allowed_scopes": "openid"}  # the marks may go, but not for another way in
    yield f"{place}/add/", {**sent, "client_id": "mine"}
    for row in Registered.objects.order_by("pk"):
        yield f"{place}/{row.pk}/change/", sent
        yield f"{place}/{row.pk}/change/", modest
        secret = {"action": "renew_secret", "_selected_action": [row.pk]}
        yield f"{place}/", secret


def actions() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each action of each list, on every row that it has."""
    for model, page in django_admin.site._registry.items():
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        rows = [str(pk) for pk in model._default_manager.values_list("pk", flat=True)]
        for action in page.actions or ():
            name = action if isinstance(action, str) else action.__name__
            yield url, {"action": name, "_selected_action": rows, "post": "yes"}


def writes(client: Client, url: str, sent: dict[str, Any]) -> bool:
    """Send a form. Tells whether anything was written meanwhile but the event of a refusal."""
    told: list[str] = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        told.append(sql)
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        client.post(url, sent)
    return not all(sql.startswith(HARMLESS) for sql in told)


@pytest.mark.rights
@pytest.mark.parametrize("rights", ROLES)
def test_no_right_makes_more_of_itself(
    rights: list[str], root: User, waiting: User, tenant: Tenant
) -> None:
    tenant(columns={"staff": True})
    register("plain")
    register("house", auth_method="client_secret_basic", skip_authorization=True)
    register("guard", auth_method="client_secret_basic", introspects=True)
    actor, client = staff(*rights)
    before, held, reached = powers(actor), hold(root), reach()
    for url, sent in [*forms(actor, root, waiting), *pages(), *actions()]:
        if not writes(client, url, sent):
            continue  # everything is as it was
        said = f"{rights}: {url} {sent.get('action', '')}"
        # Whoever may delete groups may leave theirs; nobody may have more than before.
        now = powers(actor)
        assert now[:3] == before[:3], said
        assert set(now[3]) <= set(before[3]), said
        assert hold(root) == held, said
        assert reach() <= reached, said
        assert whose(root.email) == [root], said
        assert not Group.objects.filter(user=waiting).exists(), said
        assert not User.objects.filter(is_superuser=True).exclude(pk=root.pk).exists(), said
        assert not Source.objects.filter(slug="mine", staff=True).exists(), said
        assert Source.objects.get(slug="local").enabled, said
        town = Source.objects.get(slug="town")
        assert (town.groups, town.enabled, town.staff) == ({}, True, True), said
        if not client.get("/auth/session").json()["isLoggedIn"]:
            sign_in(client, "carl")  # an action has ended the session


@pytest.mark.parametrize(
    ("role", "url"),
    [
        ("change_group", "/admin/auth/group/{desk}/change/"),
        ("add_group", "/admin/auth/group/add/"),
        ("delete_group", "/admin/auth/group/{desk}/delete/"),
        ("change_user", "/admin/accounts/user/{carl}/change/"),
        ("add_user", "/admin/accounts/user/add/"),
        ("delete_identity", "/admin/accounts/identity/{way}/delete/"),
        ("add_source", "/admin/accounts/source/add/"),
        ("change_source", "/admin/accounts/source/{town}/change/"),
        ("delete_source", "/admin/accounts/source/{town}/delete/"),
        ("change_awaitingperson", "/admin/operations/awaitingperson/{wanda}/change/"),
    ],
)
def test_each_writing_page_asks_for_a_recent_sign_in(
    role: str, url: str, tenant: Tenant, waiting: User
) -> None:
    row = tenant()
    actor, client = staff(role)
    known = {"desk": actor.groups.get().pk, "carl": actor.pk, "town": row.pk, "wanda": waiting.pk}
    path = url.format(**known, way=actor.identities.get().pk)
    assert client.get(path).status_code == 200
    with time_machine.travel(timezone.now() + timedelta(minutes=20)):
        assert client.get(path)["Location"].endswith("&again=1")
        sent = client.post(path, {"post": "yes"})
        assert onward(client, sent)["Location"].endswith("&again=1")


@pytest.mark.parametrize(
    ("model", "url", "sent"),
    [
        ("user", "/admin/accounts/user/", {"action": "send_links", "_selected_action": "{carl}"}),
        ("awaitingperson", "/admin/operations/awaitingperson/", {"_let_in": "{wanda}:{desk}"}),
        (
            "awaitingperson",
            "/admin/operations/awaitingperson/",
            {"action": "let_in_with_suggested", "_selected_action": "{wanda}"},
        ),
    ],
)
def test_an_action_asks_for_a_recent_sign_in(
    model: str, url: str, sent: dict[str, str], waiting: User
) -> None:
    actor, client = staff(f"change_{model}", f"view_{model}")
    known = {"carl": actor.pk, "wanda": waiting.pk, "desk": actor.groups.get().pk}
    form = {name: value.format(**known) for name, value in sent.items()}
    with time_machine.travel(timezone.now() + timedelta(minutes=20)):
        assert client.get(url).status_code == 200
        again = client.post(url, form)
        assert onward(client, again)["Location"].endswith("&again=1")
    assert powers(waiting)[3:] == ([], "awaiting_access")


def test_nobody_has_an_address_as_theirs_since_they_typed_it(root: User) -> None:
    """Applications, and what is behind the gateway, take whoever has it for the same person."""
    actor, client = staff("change_user")
    own = f"/admin/accounts/user/{actor.pk}/change/"
    answer = client.post(own, as_root(actor, root), follow=True)
    assert "is not verified" in answer.content.decode()
    app = Application(register(skip_authorization=True), client)
    app.redeem(app.code())
    told = app.userinfo().json()
    assert (told["email"], told["email_verified"]) == (root.email, False)
    assert persons.memory.find(str(actor.pk)).email == ""  # type: ignore[union-attr]


def test_whoever_shares_no_group_with_a_person_does_not_change_them(person: User) -> None:
    _actor, client = staff("change_user")
    path = f"/admin/accounts/user/{person.pk}/change/"
    sent = {"username": "alice", "name": "Mallory", "email": person.email, "status": "active"}
    person.groups.add(Group.objects.create(name="gis-admins"))
    assert client.post(path, sent).status_code == 403
    person.groups.clear()
    assert client.post(path, sent).status_code == 302
