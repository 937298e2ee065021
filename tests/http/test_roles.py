"""The roles of the administration: which page each opens, what each may do there, and that none
makes more of itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.test import Client

from accounts import events
from accounts.models import Event, Source, StoredSession, User
from portal.operations import roles
from tests.http import test_rights_table as table
from tests.http.conftest import PASSWORD, sign_in

pytestmark = pytest.mark.rights

Tenant = Callable[..., Source]
NAMES = [role.word for role in roles.ROLES]
# Each page and what it answers: to look, and to write. A dash is a 403.
PAGES = {
    "accounts/source/": {"source-keeper": "write", "front-desk": "-", "auditor": "look"},
    "accounts/source/add/?provider=oidc&slug=new": {
        "source-keeper": "write", "front-desk": "-", "auditor": "-",
    },
    "accounts/source/{town}/change/": {
        "source-keeper": "write", "front-desk": "-", "auditor": "look",
    },
    "accounts/source/{town}/delete/": {"source-keeper": "write", "front-desk": "-", "auditor": "-"},
    "accounts/user/": {"source-keeper": "-", "front-desk": "write", "auditor": "look"},
    "accounts/user/add/": {"source-keeper": "-", "front-desk": "-", "auditor": "-"},
    "accounts/user/{alice}/change/": {
        "source-keeper": "-", "front-desk": "write", "auditor": "look",
    },
    "accounts/user/{alice}/delete/": {"source-keeper": "-", "front-desk": "-", "auditor": "-"},
    "accounts/storedsession/": {"source-keeper": "-", "front-desk": "write", "auditor": "look"},
    "accounts/identity/": {"source-keeper": "-", "front-desk": "write", "auditor": "look"},
    "accounts/event/": {"source-keeper": "look", "front-desk": "look", "auditor": "look"},
    "accounts/event/{event}/change/": {
        "source-keeper": "look", "front-desk": "look", "auditor": "look",
    },
    "accounts/outboxitem/": {"source-keeper": "look", "front-desk": "-", "auditor": "look"},
    "operations/awaitingperson/": {"source-keeper": "-", "front-desk": "write", "auditor": "look"},
    "operations/awaitingperson/{wanda}/change/": {
        "source-keeper": "-", "front-desk": "write", "auditor": "look",
    },
    "auth/group/": {"source-keeper": "-", "front-desk": "-", "auditor": "-"},
    "authorization_server/client/": {"source-keeper": "-", "front-desk": "-", "auditor": "look"},
    "authorization_server/client/add/": {"source-keeper": "-", "front-desk": "-", "auditor": "-"},
}  # fmt: skip


def holder(word: str, name: str = "carl") -> tuple[User, Client]:
    """Return somebody with one role, and their browser."""
    user = User.objects.create_user(name, PASSWORD, is_staff=True, email=f"{name}@example.org")
    user.give_local_identity()
    user.groups.add(
        Group.objects.get(name=f"role:{word}"), Group.objects.get_or_create(name="Desk")[0]
    )
    client = Client(raise_request_exception=True)
    sign_in(client, name)
    return user, client


@pytest.mark.parametrize("word", NAMES)
def test_each_role_opens_its_pages_and_no_other(word: str, person: User, tenant: Tenant) -> None:
    town = tenant()
    wanda = User.objects.create_user("wanda", status="awaiting_access")
    events.record(events.event("logout", user=person))
    known = {"town": town.pk, "alice": person.pk, "wanda": wanda.pk}
    known["event"] = Event.objects.get(name="logout").pk
    _user, client = holder(word)
    found = {}
    for page in PAGES:
        answer = client.get(f"/admin/{page.format(**known)}")
        html = answer.content.decode()
        acts = 'name="_save"' in html or 'name="_let_in"' in html or 'value="yes"' in html
        acts = acts or 'name="post"' in html or _acts(answer)
        found[page] = "-" if answer.status_code == 403 else "write" if acts else "look"
    assert found == {page: given[word] for page, given in PAGES.items()}


def _acts(answer: Any) -> bool:
    """Tell whether a list offers an action that writes, or a page to add with."""
    context = answer.context or {}
    chosen = (
        [name for name, _label in context["action_form"].fields["action"].choices]
        if context.get("action_form")
        else []
    )
    return bool(set(chosen) - {"", "export"}) or bool(context.get("has_add_permission"))


@pytest.mark.parametrize("word", NAMES)
def test_no_role_makes_more_of_itself(word: str, tenant: Tenant, house: None) -> None:
    tenant(columns={"staff": True})
    root = User.objects.create_superuser("root", PASSWORD, email="root@example.org")
    rulers = Group.objects.create(name="Rulers")
    rulers.permissions.set(Permission.objects.all())
    root.groups.add(rulers)
    waiting = User.objects.create_user("wanda", status="awaiting_access")
    actor, client = holder(word)
    before, held = table.powers(actor), table.hold(root)
    every = [each.pk for each in roles.groups()]
    more = [
        (f"/admin/accounts/user/{actor.pk}/change/", {
            "username": "carl", "name": "", "email": "carl@example.org", "status": "active",
            "roles": every, "groups": [g.pk for g in actor.groups.all()] + every,
        }),
        (f"/admin/operations/awaitingperson/{waiting.pk}/change/", {
            "roles": every, "groups": every,
        }),
    ]  # fmt: skip
    for group in roles.groups():
        place = f"/admin/auth/group/{group.pk}"
        more += [(f"{place}/change/", {"name": "x"}), (f"{place}/delete/", {"post": "yes"})]
    for url, sent in [*more, *table.forms(actor, root, waiting), *table.pages(), *table.actions()]:
        if not table.writes(client, url, sent):
            continue
        now, said = table.powers(actor), f"{word}: {url}"
        assert (now[:2], set(now[2]) <= set(before[2])) == (before[:2], True), said
        assert set(now[3]) <= set(before[3]), said
        assert table.hold(root) == held, said
        assert table.whose(root.email) == [root], said
        assert not User.objects.get(username="wanda").groups.exists(), said
        assert roles.groups().count() == len(roles.ROLES), said
        if not client.get("/auth/session").json()["isLoggedIn"]:
            sign_in(client, "carl")


@pytest.fixture
def root(client: Client, house: None) -> Client:
    User.objects.create_superuser("ada", PASSWORD).give_local_identity()
    sign_in(client, "ada")
    return client


def test_an_administrator_gives_a_role_in_words(root: Client, person: User) -> None:
    page = f"/admin/accounts/user/{person.pk}/change/"
    html = root.get(page).content.decode()
    assert "Front desk" in html
    assert "Lets people in, ends sessions" in html
    desk, own = Group.objects.get(name="role:front-desk"), Group.objects.create(name="Registry")
    sent = {"username": "alice", "name": "Alice", "email": "a@example.org", "status": "active"}
    assert root.post(page, {**sent, "roles": [desk.pk], "groups": [own.pk]}).status_code == 302
    person.refresh_from_db()
    assert person.is_staff, "a role is of no use without"
    assert set(person.groups.all()) == {desk, own}
    assert "Front desk" in root.get("/admin/accounts/user/").content.decode()
    assert root.post(page, {**sent, "groups": [own.pk]}).status_code == 302
    assert set(person.groups.all()) == {own}


@pytest.mark.parametrize(
    ("word", "label", "right"),
    [
        ("front-desk", "Schalter", "Löschen oder beenden: Sitzungen"),
        ("auditor", "Revision", "Sehen: Zugangsregeln"),
    ],
)
def test_what_a_role_may_do_is_read_in_words(
    root: Client, word: str, label: str, right: str
) -> None:
    group = Group.objects.get(name=f"role:{word}")
    german = {"accept-language": "de"}
    page = root.get(f"/admin/auth/group/{group.pk}/change/", headers=german).content.decode()
    shown = page.partition('id="content"')[2]
    for said in (label, "Sehen: Personen", right):
        assert said in shown
    for english in ("Can view", "Can change", "farewell", "spent"):
        assert english not in shown


def test_whoever_may_give_no_role_leaves_the_roles_that_are_held(person: User) -> None:
    person.groups.add(Group.objects.get(name="role:front-desk"))
    _carl, client = holder("front-desk")
    sent = {"username": "alice", "name": "Renamed", "email": "a@example.org", "status": "active"}
    answer = client.post(f"/admin/accounts/user/{person.pk}/change/", {**sent, "roles": []})
    assert answer.status_code == 302
    assert [each.name for each in person.groups.all()] == ["role:front-desk"]


@pytest.mark.parametrize("whose", ["their own", "a colleague's"])
def test_u28_no_right_outlives_the_role_that_it_came_from(whose: str, house: None) -> None:
    carl, client = holder("front-desk")
    carl.user_permissions.add(Permission.objects.get(codename="change_group"))
    role, desk = (carl.groups.get(name=name) for name in ("role:front-desk", "Desk"))
    other = carl if whose == "their own" else holder("front-desk", "cora")[0]
    kept = [each.pk for each in other.user_permissions.all()]
    rights = [*kept, *(each.pk for each in role.permissions.all())]
    own = {"username": other.username, "name": "", "email": other.email, "status": "active"}
    page = f"/admin/accounts/user/{other.pk}/change/"
    given = {**own, "groups": [desk.pk], "user_permissions": rights}
    answer = client.post(page, given)
    assert "gives single rights to those who may open" in answer.content.decode()
    of_group = {"name": "Desk", "permissions": rights}
    answer = client.post(f"/admin/auth/group/{desk.pk}/change/", of_group)
    assert "gives a group more rights" in answer.content.decode()
    as_it_is = {**given, "user_permissions": kept}
    assert client.post(page, as_it_is).status_code == 302
    other.groups.remove(role)
    now = User.objects.get(pk=other.pk)
    assert now.get_all_permissions() <= {"auth.change_group"}


def test_single_rights_that_somebody_has_are_not_folded(root: Client, person: User) -> None:
    """Whoever takes a role away sees what stays."""
    page = f"/admin/accounts/user/{person.pk}/change/"
    titled = re.compile(r"<details[^>]*>\s*<summary>[^<]*<h2[^>]*>\s*Single rights")
    assert titled.search(root.get(page).content.decode())
    person.user_permissions.add(Permission.objects.get(codename="change_user"))
    html = root.get(page).content.decode()
    assert "Single rights" in html
    assert not titled.search(html)


def test_no_form_names_a_right_as_the_code_does(root: Client, person: User) -> None:
    waiting = User.objects.create_user("wanda", status="awaiting_access")
    for page in (f"accounts/user/{person.pk}/change/", "accounts/user/add/",
                 f"operations/awaitingperson/{waiting.pk}/change/", "auth/group/add/"):  # fmt: skip
        html = root.get(f"/admin/{page}").content.decode()
        for raw in ("Can view", "Can change", "| ", "can_"):
            assert raw not in html.split("<main")[1], (page, raw)
    assert (
        "id_user_permissions"
        not in root.get(f"/admin/operations/awaitingperson/{waiting.pk}/change/").content.decode()
    )


def test_nobody_makes_a_group_that_would_be_a_role(root: Client) -> None:
    answer = root.post("/admin/auth/group/add/", {"name": "role:mine", "permissions": []})
    assert "kept for roles" in answer.content.decode()
    assert not Group.objects.filter(name="role:mine").exists()


def test_a_claim_of_a_source_suggests_no_role(root: Client, tenant: Tenant) -> None:
    town = tenant()
    waiting = User.objects.create_user("wanda", status="awaiting_access")
    waiting.identities.create(source=town, subject="w", claimed_groups=["role:auditor"])
    assert "_let_in" not in root.get("/admin/operations/awaitingperson/").content.decode()


def test_the_button_of_one_click_gives_no_role(house: None) -> None:
    """Not even one's own: a role that is ticked makes its holder staff at the next save."""
    carl, client = holder("front-desk")
    waiting = User.objects.create_user("wanda", status="awaiting_access")
    role = carl.groups.get(name="role:front-desk")
    client.post("/admin/operations/awaitingperson/", {"_let_in": f"{waiting.pk}:{role.pk}"})
    waiting.refresh_from_db()
    assert (waiting.status, waiting.groups.count()) == ("awaiting_access", 0)


@pytest.mark.django_db
def test_migrate_keeps_the_roles_as_the_code_has_them() -> None:
    auditor = Group.objects.get(name="role:auditor")
    kept = set(auditor.permissions.values_list("codename", flat=True))
    assert {"view_event", "view_client", "view_user"} <= kept
    assert all(name.startswith("view_") for name in kept)
    auditor.permissions.add(Permission.objects.get(codename="delete_user"))
    call_command("migrate", verbosity=0)
    assert set(auditor.permissions.values_list("codename", flat=True)) == kept


def test_an_administrators_own_page_leads_to_the_administration(root: Client, person: User) -> None:
    assert 'href="/admin/"' in root.get("/account/").content.decode()
    other = Client()
    sign_in(other)
    assert 'href="/admin/"' not in other.get("/account/").content.decode()


def test_pages_stand_in_groups_of_what_an_operator_wants(root: Client, settings: Any) -> None:
    settings.VESTIBULE_INSTITUTION = {**settings.VESTIBULE_INSTITUTION, "name": "Sommerby"}
    html = root.get("/admin/").content.decode()
    found = [html.index(f"<caption>{name}</caption>") for name in
             ("People", "Sources", "Applications", "Security", "Events")]  # fmt: skip
    assert found == sorted(found)
    assert "Sommerby" in html
    assert "Vestibule" not in html


def test_a_session_is_listed_by_its_device(root: Client, person: User) -> None:
    agent = "Mozilla/5.0 (Windows NT 10.0; rv:128.0) Gecko/20100101 Firefox/128.0"
    sign_in(Client(headers={"User-Agent": agent}))
    assert StoredSession.objects.filter(user=person, user_agent=agent).exists()
    html = root.get("/admin/accounts/storedsession/").content.decode()
    assert "Firefox, Windows" in html
    assert agent not in html
