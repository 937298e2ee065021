"""A source signs in administrators only where it is marked so, and its editor gains
nothing by it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts import outbox
from accounts.models import Event, FactorDuty, Identity, OutboxItem, Source, User
from accounts.provider import TokenSet
from accounts.source import catalogue, groups, outage
from accounts.upstream import cookie_header
from portal.configuration.toml import RefusedError
from portal.operations import source_file, source_rows
from tests.http.conftest import PASSWORD, enter, sign_in
from tests.http.onward import onward
from tests.peers import fresh
from tests.peers.upstream import Upstream, upstream

pytestmark = pytest.mark.rights

Tenant = Callable[..., Source]


@pytest.fixture
def ada(client: Client, house: None) -> User:
    """An administrator with all rights, signed in with a password."""
    user = User.objects.create_superuser("ada", PASSWORD, name="Ada")
    sign_in(client, "ada")
    return user


@pytest.fixture
def editor(house: None) -> Client:
    """Somebody who edits sources, and has no other right."""
    user = User.objects.create_user("carl", PASSWORD, is_staff=True)
    user.give_local_identity()
    names = [f"{verb}_source" for verb in ("add", "change", "delete", "view")]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = Client()
    sign_in(client, "carl")
    return client


@pytest.fixture
def elsewhere() -> Iterator[Upstream]:
    with upstream() as running:
        yield running


def url(row: Source) -> str:
    return f"/admin/accounts/source/{row.pk}/change/"


def form(row: Source, **values: Any) -> dict[str, Any]:
    given = {
        "label": row.label, "order": row.order, "enabled": "on", "note": row.note,
        "settings": json.dumps(catalogue.shown_settings(row)), "groups": json.dumps(row.groups),
        "after_login": row.after_login,
    }  # fmt: skip
    return {**given, **values}


def errors(response: Any) -> dict[str, Any]:
    return dict(response.context["adminform"].form.errors) if response.context else {}


# --- Passwords of this site -----------------------------------------------------------------------


def test_passwords_of_this_site_have_one_source_whoever_asks_for_another(
    ada: User, client: Client, editor: Client
) -> None:
    for browser in (client, editor):
        for typed in ({}, {"typed": "1"}):
            sent = form(Source(), slug="twin", provider="local", **typed)
            assert set(errors(browser.post("/admin/accounts/source/add/", sent))) == {"provider"}
    assert not Source.objects.filter(slug="twin").exists()


def test_u20_a_second_source_of_them_lets_nobody_in(ada: User, client: Client) -> None:
    row = Source.objects.create(slug="twin", provider="local", label="Twin")
    fresh.sources()
    given = {"username": "ada", "password": PASSWORD}
    assert Client().post("/auth/login/twin", given).status_code == 404
    assert Client().post("/session/login", {**given, "source": "twin"}).status_code == 400
    assert "Twin" not in Client().get("/login").content.decode()
    assert "one source, local" in client.get(url(row)).content.decode()
    client.post("/admin/accounts/source/", {"action": "disable", "_selected_action": row.pk})
    assert not Source.objects.get(slug="twin").enabled


def test_a_second_source_of_them_is_disabled_where_one_is_told_to(
    ada: User, client: Client
) -> None:
    row = Source.objects.create(slug="twin", provider="local", label="Twin")
    assert set(errors(client.post(url(row), form(row)))) == {"__all__"}
    with pytest.raises(RefusedError, match="one source, local"):
        source_file.apply(source_file.export())
    disabled = {key: each for key, each in form(row).items() if key != "enabled"}
    assert client.post(url(row), disabled).status_code == 302
    row.refresh_from_db()
    assert not row.enabled
    told = source_file.export()
    row.delete()
    assert {each.slug: each.what for each in source_file.apply(told)}["twin"] == "created"
    fresh.sources()
    assert catalogue.of_session("twin") is None
    with pytest.raises(RefusedError, match="one source, local"):
        source_file.apply(told.replace("enabled = false", "enabled = true"))


# --- Sessions without an administrator's rights ---------------------------------------------------


def test_only_a_marked_source_signs_in_administrators(client: Client, tenant: Tenant) -> None:
    tenant()
    enter(client, "town", "bob")
    User.objects.update(is_staff=True, is_superuser=True)
    assert client.get("/admin/").status_code == 403
    assert client.get("/admin/accounts/user/").status_code == 403
    tenant(columns={"staff": True})
    fresh.feed()
    assert client.get("/admin/").status_code == 200
    tenant(columns={"staff": False})
    fresh.feed()
    assert client.get("/admin/").status_code == 403


def test_a_device_has_no_more_rights_than_its_source(client: Client, tenant: Tenant) -> None:
    tenant()
    enter(client, "town", "bob")
    User.objects.update(is_staff=True, is_superuser=True)
    shown = client.get("/users/user/details").json()
    assert shown["User"]["role"] == "USER"


def test_a_session_without_rights_takes_none_from_the_person(
    client: Client, tenant: Tenant
) -> None:
    tenant()
    enter(client, "town", "bob")
    User.objects.update(is_staff=True, is_superuser=True)
    person = User.objects.get().confined()
    person.name = "Robert"
    person.save()
    assert User.objects.filter(name="Robert", is_staff=True, is_superuser=True).exists()


@pytest.mark.parametrize("right", ["is_staff", "is_superuser"])
def test_an_administrators_mail_follows_no_unmarked_source(
    client: Client, tenant: Tenant, peer: Upstream, right: str
) -> None:
    tenant()
    peer.extra = {"email": "bob@example.org"}
    enter(client, "town", "bob")
    User.objects.update(**{right: True})
    peer.extra = {"email": "eve@evil.example"}
    enter(Client(), "town", "bob")
    assert User.objects.get().email == "bob@example.org"


def test_a_session_without_rights_links_no_way_to_them(
    client: Client, tenant: Tenant, elsewhere: Upstream
) -> None:
    tenant()
    tenant("keep", columns={"staff": True})
    enter(client, "town", "bob")
    asked = onward(client, client.post("/account/sign-ins", {"link": "keep"}))["Location"]
    User.objects.update(is_staff=True)  # meanwhile; who is it before begins nothing
    state = asked.split("state=")[1].split("&")[0]
    answer = client.get("/auth/callback/keep", {"code": "eve", "state": state})
    assert answer["Location"].startswith("/login/failed/")
    failed = client.get(answer["Location"])
    assert failed.status_code == 403
    assert "Sign in as an administrator first" in failed.content.decode()
    assert not Identity.objects.filter(source__slug="keep").exists()


# --- Who sets the mark ----------------------------------------------------------------------------


def test_an_editor_marks_no_source_and_touches_no_marked_one(
    editor: Client, tenant: Tenant
) -> None:
    row = tenant()
    assert editor.post(url(row), form(row, staff="on")).status_code == 302
    row.refresh_from_db()
    assert row.staff is False
    tenant(columns={"staff": True})
    assert editor.post(url(row), form(row, label="Mine")).status_code == 403
    assert (
        editor.post(f"/admin/accounts/source/{row.pk}/delete/", {"post": "yes"}).status_code == 403
    )
    editor.post("/admin/accounts/source/", {"action": "disable", "_selected_action": [row.pk]})
    row.refresh_from_db()
    assert (row.label, row.enabled) == ("Town", True)
    local = Source.objects.get(slug="local")
    assert editor.post(url(local), form(local, label="Mine")).status_code == 403


def test_an_administrator_with_all_rights_marks_one(
    client: Client, ada: User, tenant: Tenant
) -> None:
    row = tenant()
    assert client.post(url(row), form(row, staff="on")).status_code == 302
    row.refresh_from_db()
    assert row.staff is True


def test_the_terminal_marks_one_and_the_local_source_stays_marked(
    house: None, tmp_path: Any, capsys: Any
) -> None:
    file = tmp_path / "sources.toml"
    file.write_text('[sources.local]\nprovider = "local"\norder = 1000\nenroll = false\n')
    call_command("sources", "apply", str(file))
    assert "unchanged" in capsys.readouterr().out
    assert Source.objects.get(slug="local").staff
    with file.open("a") as more:
        more.write("staff = false\n")
    with pytest.raises(CommandError, match="staff"):
        call_command("sources", "apply", str(file))


# --- What an editor could make of a source --------------------------------------------------------


def test_a_changed_address_asks_for_the_secret_again(
    client: Client, ada: User, tenant: Tenant, elsewhere: Upstream
) -> None:
    row = tenant(secret="of-the-town")
    moved = {"upstream": elsewhere.url}
    refused = client.post(url(row), form(row, settings=json.dumps(moved)))
    assert "secret" in str(errors(refused)["settings"])
    given = {**moved, "secret": "of-the-other"}
    assert client.post(url(row), form(row, settings=json.dumps(given))).status_code == 302
    row.refresh_from_db()
    assert catalogue.instance(row).settings.secret == "of-the-other"  # type: ignore[attr-defined]
    taken = {"upstream": "http://localhost:9", "secret": ""}
    assert client.post(url(row), form(row, settings=json.dumps(taken))).status_code == 302


def test_an_editor_sends_nobodys_cookies_elsewhere_and_calls_nobody_inside(
    editor: Client, tenant: Tenant, elsewhere: Upstream
) -> None:
    row = tenant()
    moved = json.dumps({**catalogue.shown_settings(row), "upstream": elsewhere.url})
    assert "cookies" in str(errors(editor.post(url(row), form(row, settings=moved)))["settings"])
    town = {"issuer": "https://one.example", "client_id": "portal"}
    plain = Source.objects.create(slug="plain", provider="oidc", settings=town)
    inside = json.dumps({**town, "inside": True})
    assert "inside" in str(
        errors(editor.post(url(plain), form(plain, settings=inside)))["settings"]
    )
    other = json.dumps({**town, "issuer": "https://other.example"})
    assert editor.post(url(plain), form(plain, settings=other)).status_code == 302
    plain.refresh_from_db()
    assert plain.settings["issuer"] == "https://other.example"
    assert row.settings == Source.objects.get(pk=row.pk).settings


def test_a_file_with_another_address_names_the_secret_too(
    tenant: Tenant, elsewhere: Upstream, tmp_path: Any
) -> None:
    row = tenant(secret="of-the-town")
    file = tmp_path / "sources.toml"
    table = '[sources.town]\nprovider = "tenant"\n[sources.town.settings]\n'
    file.write_text(f'{table}upstream = "{elsewhere.url}"\n')
    with pytest.raises(CommandError, match="secret"):
        call_command("sources", "apply", str(file))
    row.refresh_from_db()
    assert row.settings["upstream"] != elsewhere.url


@pytest.mark.parametrize("changed", ["groups", "settings"])
def test_a_mapping_gives_no_more_than_its_editor_may_give(
    editor: Client, tenant: Tenant, elsewhere: Upstream, changed: str
) -> None:
    rulers = Group.objects.create(name="Rulers")
    rulers.permissions.add(Permission.objects.get(codename="delete_user"))
    mapping = {"boss": "Rulers"}
    row = tenant(columns={"groups": mapping} if changed == "settings" else {})
    given = {
        "groups": {"groups": json.dumps(mapping)},
        "settings": {"settings": json.dumps({"upstream": elsewhere.url})},
    }[changed]
    assert "groups" in errors(editor.post(url(row), form(row, **given)))
    assert editor.post(url(row), form(row, label="City")).status_code == 302


def test_a_mapping_to_a_group_of_ones_own_is_ones_own_to_give(
    editor: Client, tenant: Tenant
) -> None:
    row = tenant()
    readers = Group.objects.create(name="Readers")
    mapping = json.dumps({"all": "Readers"})
    assert "groups" in errors(editor.post(url(row), form(row, groups=mapping)))
    User.objects.get(username="carl").groups.add(readers)
    assert editor.post(url(row), form(row, groups=mapping)).status_code == 302
    new = json.dumps({"all": "Not there yet"})
    assert "groups" in errors(editor.post(url(row), form(row, groups=new)))


def test_no_mapping_gives_a_role(
    client: Client, ada: User, editor: Client, tenant: Tenant, tmp_path: Any
) -> None:
    """Not even one's own, nor by somebody with all rights or from a file: roles are ticked."""
    row, roles = tenant(), json.dumps({"all": "role:source-keeper"})
    keeper = Group.objects.get_or_create(name="role:source-keeper")[0]
    User.objects.get(username="carl").groups.add(keeper)
    for browser in (editor, client):
        assert "groups" in errors(browser.post(url(row), form(row, groups=roles)))
    file = tmp_path / "sources.toml"
    file.write_text('[sources.local]\nprovider = "local"\ngroups = {all = "role:auditor"}\n')
    with pytest.raises(CommandError, match="groups"):
        call_command("sources", "apply", str(file))
    row.groups = {"all": "role:auditor"}  # as it could be saved before
    found = [each.message for each in source_rows.findings(row) if not each.ok]
    assert "No source gives a role: role:auditor" in found


def test_an_editor_maps_no_group_whose_duty_they_are_under(editor: Client, tenant: Tenant) -> None:
    """A mapping takes its groups away as well, and the duty with them (U24)."""
    strict, carl = Group.objects.create(name="Strict"), User.objects.get(username="carl")
    carl.groups.add(strict)
    row = tenant()
    mapping = {"groups": json.dumps({"nobody": "Strict"})}
    assert editor.post(url(row), form(row, **mapping)).status_code == 302
    row.refresh_from_db()
    FactorDuty.objects.create(group=strict, days=30)
    assert editor.post(url(row), form(row, label="City")).status_code == 302
    elsewhere = json.dumps({**catalogue.shown_settings(row), "leaves_by": "call"})
    changes = ({"settings": elsewhere}, {"groups": json.dumps({"none": "Strict"})},
               {"groups": "{}"})  # fmt: skip
    for changed in changes:  # the claims that the mapping reads hang on the settings
        said = errors(editor.post(url(row), form(row, **changed)))
        assert "Somebody with all rights must lift a duty" in str(said["groups"])


def test_an_editor_disables_no_source_that_keeps_staff_under_a_duty(
    ada: User, client: Client, editor: Client, tenant: Tenant
) -> None:
    """Another source that maps to the group would take them out of it at the next sign-in."""
    strict, carl = Group.objects.create(name="Strict"), User.objects.get(username="carl")
    carl.groups.add(strict)
    row, other = tenant(), tenant(slug="country")
    for each in (row, other):
        each.groups = {"clerks": "Strict"}
        each.save()
        Identity.objects.create(user=carl, source=each, issuer="town", subject=each.slug)
    Identity.objects.filter(source=row).update(claimed_groups=["clerks"])
    FactorDuty.objects.create(group=strict, days=30)
    groups.follow(carl, other, ())
    assert carl.groups.contains(strict)

    disabled = {key: each for key, each in form(row).items() if key != "enabled"}
    said = errors(editor.post(url(row), disabled))
    assert "Only somebody with all rights lifts a duty" in str(said["enabled"])
    chosen = {"action": "disable", "_selected_action": [row.pk, other.pk]}
    page = editor.post("/admin/accounts/source/", chosen, follow=True).content.decode()
    assert "Only somebody with all rights lifts a duty" in page
    assert list(Source.objects.filter(slug__in=("town", "country"), enabled=True)) == [row]
    groups.follow(carl, other, ())
    assert carl.groups.contains(strict)

    client.post("/admin/accounts/source/", chosen)
    assert not Source.objects.filter(slug="town", enabled=True).exists()
    groups.follow(carl, other, ())
    assert not carl.groups.contains(strict)


def test_what_one_provider_gave_is_not_sent_to_another(
    client: Client, tenant: Tenant, peer: Upstream, elsewhere: Upstream
) -> None:
    tenant(leaves_by="call")
    enter(client, "town", "bob")
    tenant(leaves_by="call", upstream=elsewhere.url)
    with time_machine.travel(timezone.now() + timedelta(seconds=275), tick=True):
        assert client.get("/auth/session").json()["isLoggedIn"]
        assert client.post("/auth/logout")["Location"] == "/"
    assert not elsewhere.asked
    assert peer.asked["/end"] == 0


def leave_in_vain(client: Client, tenant: Tenant, peer: Upstream) -> None:
    """Leave while the provider fails, so that the logout waits for another try."""
    tenant(leaves_by="call")
    enter(client, "town", "bob")
    peer.mood = "failing"
    client.post("/auth/logout")
    peer.mood = "live"


def test_a_logout_that_waits_is_not_sent_to_another_provider(
    client: Client, tenant: Tenant, peer: Upstream, elsewhere: Upstream
) -> None:
    leave_in_vain(client, tenant, peer)
    tenant(leaves_by="call", upstream=elsewhere.url)
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        assert outbox.deliver_due(timezone.now()) == 0
    assert not elsewhere.asked
    assert not OutboxItem.objects.exists()
    assert Event.objects.get(name="logout.given_up").detail == "It is another provider now."


def test_a_refused_persons_logout_is_not_sent_to_another_provider(
    client: Client, tenant: Tenant, peer: Upstream, elsewhere: Upstream
) -> None:
    tenant(leaves_by="call")
    peer.extra, peer.refuses = {"denied": "not_allowed"}, {"/end"}
    enter(client, "town", "bob")
    assert OutboxItem.objects.exists()
    tenant(leaves_by="call", upstream=elsewhere.url)
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        assert outbox.deliver_due(timezone.now()) == 0
    assert not elsewhere.asked
    assert not OutboxItem.objects.exists()


def test_a_logout_that_waits_reaches_the_provider_that_it_is_for(
    client: Client, tenant: Tenant, peer: Upstream
) -> None:
    leave_in_vain(client, tenant, peer)
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        assert outbox.deliver_due(timezone.now()) == 1
    assert peer.hints == ["it-bob"]


@pytest.mark.remembers  # that the source is in trouble
@pytest.mark.parametrize("moved", [True, False])
def test_who_tries_to_leave_again_is_not_sent_to_another_provider(
    client: Client, tenant: Tenant, peer: Upstream, elsewhere: Upstream, moved: bool
) -> None:
    tenant(leaves_by="visit")
    enter(client, "town", "bob")
    outage.note("town")
    peer.mood = "failing"
    assert client.post("/auth/logout")["Location"] == "/"
    peer.mood = "live"
    if moved:
        tenant(leaves_by="visit", upstream=elsewhere.url)
    again = client.post("/auth/logout/again")
    left = "/" if moved else f"{peer.url}/logout?id_token_hint=it-bob"
    assert (again if moved else onward(client, again))["Location"] == left
    assert not elsewhere.asked


def test_a_logout_of_the_former_release_still_goes_on(tenant: Tenant, peer: Upstream) -> None:
    tenant(leaves_by="call")
    outbox.post_logout("town", TokenSet(id_token="hint"), "BCDF-2345")  # nobody knew the issuer
    with time_machine.travel(timezone.now() + timedelta(minutes=5)):
        assert outbox.deliver_due(timezone.now()) == 1
    assert peer.hints == ["hint"]


@pytest.mark.parametrize(
    "name", ["vestibule", "__Host-vestibule", "csrftoken", "vf-1", "tokens_key"]
)
def test_no_source_is_given_a_cookie_of_ours(name: str) -> None:
    given = cookie_header.parse(f"{name}=secret; SSESS1=theirs")
    assert cookie_header.permitted(given, (name, "*")) == {"SSESS1": "theirs"}
