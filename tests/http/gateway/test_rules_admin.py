"""Access rules in the administration, and the page that tries them (docs/gateway.md 3, 8 and 9)."""

from __future__ import annotations

import io
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts import ended
from accounts.models import Event, User
from portal.gateway.models import AccessRule
from tests.http.conftest import PASSWORD, sign_in
from tests.http.gateway.asking import HOST, ask, rule
from tests.peers import fresh

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.desk]
LIST = "/admin/gateway/accessrule/"
ADD, TRY = f"{LIST}add/", f"{LIST}try/"


def staff(*rights: str, name: str = "carl", superuser: bool = False) -> Client:
    user = User.objects.create_user(name, PASSWORD, is_staff=True, is_superuser=superuser)
    user.give_local_identity()
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    sign_in(client, name)
    return client


@pytest.fixture
def root(house: None) -> Client:
    return staff(name="root", superuser=True)


@pytest.fixture
def editor(house: None) -> Client:
    return staff("view_accessrule", "change_accessrule", "add_accessrule", "delete_accessrule")


def form(**changes: Any) -> dict[str, Any]:
    return {
        "slug": "files", "order": "100", "enabled": "on", "host": HOST, "path": "/",
        "methods": "", "access": "signed_in", "proof_seconds": "0", "remote_user": "id",
        "cookies": "", "note": "", **changes,
    }  # fmt: skip


def refusals(answer: Any) -> dict[str, list[str]]:
    assert answer.status_code == 200, answer.content
    return dict(answer.context["adminform"].form.errors)


def test_a_rule_is_written_counts_everywhere_and_is_an_event(root: Client) -> None:
    Group.objects.create(name="Caseworkers")
    before = ended.version(ended.RULE)
    sent = form(
        host="Files.Example.ORG", methods="get, PROPFIND", types=["local"], groups=["Caseworkers"],
        cookies="app; Path=/; Secure\nSet-Cookie: cart=1; path=/shop; Domain=.example.org",
        pass_token="on",
    )  # fmt: skip
    assert root.post(ADD, sent).status_code == 302
    row = AccessRule.objects.get()
    assert (row.host, row.methods, row.types) == (HOST, ["GET", "PROPFIND"], ["local"])
    shop = {"name": "cart", "path": "/shop", "domain": "example.org"}
    assert row.cookies == [{"name": "app", "path": "/"}, shop]
    fresh.feed()
    assert ended.version(ended.RULE) != before
    event = Event.objects.get(name="rule.saved")
    assert event.user == User.objects.get(username="root")
    assert event.detail == f"administration files: {HOST}/: signed_in"
    page = root.get(f"{LIST}{row.pk}/change/").content.decode()
    assert "cart; Path=/shop; Domain=example.org" in page
    assert "GET, PROPFIND" in page


def test_what_is_wrong_is_said_at_its_field(root: Client) -> None:
    sent = form(host="no host", path="x", methods="G=T", cookies="vestibule; Path=/")
    assert set(refusals(root.post(ADD, sent))) == {"host", "path", "methods", "cookies"}
    assert "cookies" in refusals(root.post(ADD, form(cookies="a; Priority=High")))
    assert not AccessRule.objects.exists()


def test_a_name_that_is_taken_is_said_at_its_field(root: Client) -> None:
    rule("files")
    assert "slug" in refusals(root.post(ADD, form(path="/other")))


def test_a_change_and_an_end_are_events_too(root: Client) -> None:
    row = rule("files")
    assert root.post(f"{LIST}{row.pk}/change/", form(access="public")).status_code == 302
    root.post(LIST, {"action": "disable", "_selected_action": [row.pk]})
    assert not AccessRule.objects.get().enabled
    root.post(f"{LIST}{row.pk}/delete/", {"post": "yes"})
    names = Event.objects.filter(name__startswith="rule.").order_by("id")
    assert [each.name for each in names] == ["rule.saved", "rule.disabled", "rule.deleted"]


def test_without_the_right_nobody_writes_a_rule(house: None) -> None:
    row = rule("files")
    for client, status in ((staff("view_user"), 403), (staff("view_accessrule", name="eve"), 200)):
        assert client.get(LIST).status_code == status
        assert client.get(TRY).status_code == status
        assert client.get(ADD).status_code == 403
        assert client.post(f"{LIST}{row.pk}/change/", form(access="public")).status_code == 403
    assert AccessRule.objects.get().access == "signed_in"


def test_whoever_writes_one_must_have_signed_in_recently(root: Client) -> None:
    row = rule("files")
    with time_machine.travel(timezone.now() + timedelta(minutes=20)):
        for path in (ADD, f"{LIST}{row.pk}/change/", f"{LIST}{row.pk}/delete/"):
            assert root.get(path)["Location"].endswith("&again=1")
        assert root.get(TRY, {"url": f"https://{HOST}/"}).status_code == 200


def test_an_editor_opens_no_new_host_and_passes_no_token_on(editor: Client) -> None:
    row = rule("files")
    assert "host" in refusals(editor.post(ADD, form(slug="new", host="evil.example")))
    assert "host" in refusals(editor.post(ADD, form(slug="new", host="*.example.org")))
    assert editor.post(ADD, form(slug="new", path="/new")).status_code == 302
    change = f"{LIST}{row.pk}/change/"
    assert "pass_token" in refusals(editor.post(change, form(pass_token="on")))
    AccessRule.objects.filter(pk=row.pk).update(pass_token=True)
    assert editor.post(change, form(pass_token="on", note="kept")).status_code == 302
    assert "pass_token" in refusals(editor.post(change, form(pass_token="on", path="/elsewhere")))
    assert AccessRule.objects.get(slug="files").note == "kept"


def test_an_editor_takes_no_rule_from_before_one_that_passes_tokens_on(
    root: Client, editor: Client
) -> None:
    plugin = rule("plugin", path="/plugin", order=1)
    rule("files", path="/", pass_token=True)
    change, chosen = f"{LIST}{plugin.pk}/change/", {"action": "disable"}
    kept = form(slug="plugin", path="/plugin", order="1")
    for sent in (kept | {"path": "/other"}, kept | {"order": "200"}, kept | {"enabled": ""}):
        assert "__all__" in refusals(editor.post(change, sent))
    chosen |= {"_selected_action": [plugin.pk]}
    assert "might fall to files" in editor.post(LIST, chosen, follow=True).content.decode()
    assert editor.post(f"{LIST}{plugin.pk}/delete/", {"post": "yes"}).status_code == 403
    assert AccessRule.objects.get(slug="plugin").enabled
    assert editor.post(change, kept | {"access": "public"}).status_code == 302
    rule("aside", path="/plugs", order=300)
    chosen["_selected_action"] = [*AccessRule.objects.values_list("pk", flat=True)]
    editor.post(LIST, chosen)
    assert not AccessRule.objects.filter(enabled=True).exists(), "all of them at once"
    files = f"{LIST}{AccessRule.objects.get(slug='files').pk}/change/"
    assert "pass_token" in refusals(editor.post(files, form(pass_token="on")))
    assert editor.post(files, form()).status_code == 302
    assert root.post(files, form(pass_token="on")).status_code == 302
    assert editor.post(f"{LIST}{plugin.pk}/delete/", {"post": "yes"}).status_code == 302


def test_an_editor_of_rules_and_people_is_nobody_else_to_an_application(
    editor: Client, person: User
) -> None:
    """They take somebody's id as their username, and have the application told usernames."""
    row = rule("files")
    carl = User.objects.get(username="carl")
    carl.user_permissions.add(Permission.objects.get(codename="change_user"))
    held = list(carl.user_permissions.values_list("pk", flat=True))
    named = {"username": person.uid, "name": "", "email": "", "status": "active"}
    named |= {"user_permissions": held}
    assert editor.post(f"/admin/accounts/user/{carl.pk}/change/", named).status_code == 302
    change, told = f"{LIST}{row.pk}/change/", {"remote_user": "username"}
    assert "remote_user" in refusals(editor.post(change, form(**told)))
    new = form(slug="new", path="/new", order="1")
    assert "remote_user" in refusals(editor.post(ADD, new | told))
    assert "remote_user" in refusals(editor.post(ADD, form(slug="new", methods="GET", **told)))
    fresh.rules()
    assert ask(editor)["Remote-User"] == carl.uid
    assert ask(editor, path="/new")["Remote-User"] == carl.uid


def test_where_usernames_are_told_already_an_editor_goes_on(editor: Client, root: Client) -> None:
    wiki = rule("wiki", path="/wiki", remote_user="username", order=5)
    place, told = f"{LIST}{wiki.pk}/change/", {"remote_user": "username"}
    kept = form(slug="wiki", path="/wiki", order="5", **told)
    assert editor.post(place, kept | {"note": "kept"}).status_code == 302
    below = form(slug="below", path="/wiki/new", order="1", **told)
    assert editor.post(ADD, below).status_code == 302
    aside = form(slug="aside", path="/aside", **told)
    assert "remote_user" in refusals(editor.post(ADD, aside)), "no rule says so there"
    first = rule("first", path="/wiki", order=2)
    for sent in (kept | {"order": "1"}, kept | {"path": "/"}):
        assert "remote_user" in refusals(editor.post(place, sent))
    assert editor.post(f"{LIST}{first.pk}/delete/", {"post": "yes"}).status_code == 403
    chosen = {"action": "disable", "_selected_action": [first.pk]}
    assert "might fall to wiki" in editor.post(LIST, chosen, follow=True).content.decode()
    AccessRule.objects.filter(pk=wiki.pk).update(enabled=False)
    assert "remote_user" in refusals(editor.post(place, kept))
    assert root.post(place, kept).status_code == 302


# --- The tester ---------------------------------------------------------------------------------


def tried(client: Client, path: str = "/", **fields: Any) -> tuple[int, str, str]:
    """Return the status and the sentence, and the whole page."""
    sent = {"url": f"https://{HOST}{path}", "method": "GET", "manner": "page", **fields}
    page = client.get(TRY, sent)
    assert page.status_code == 200
    outcome = page.context["outcome"]
    assert outcome, page.context["form"].errors
    return outcome.status, outcome.why, unescape(page.content.decode())


def test_it_says_what_would_happen_and_why(root: Client) -> None:
    Group.objects.create(name="Caseworkers")
    rule("desk", path="/desk", groups=["Caseworkers"], order=1)
    rule("pupils", path="/school", types=["unilogin"], order=2)
    rule("salaries", path="/salaries", proof_seconds=600, order=3)
    rule("files", cookies=[{"name": "app"}])
    sentences = {
        302: "Nobody is signed in: the browser is sent to sign in.",
        401: "Nobody is signed in, and this is no browser going to a page: it gets a challenge.",
    }
    status, why, page = tried(root)
    assert (status, why) == (302, sentences[302])
    assert f"https://{HOST}/.vestibule/start?rd=%2F" in page
    assert tried(root, manner="client", method="propfind")[:2] == (401, sentences[401])
    assert tried(root, "/?a=b", manner="client", method="move")[0] == 401
    assert tried(root, "/desk", type="local")[:2] == (
        403, "The person is in none of the rule's groups.",
    )  # fmt: skip
    status, why, page = tried(root, "/desk", type="local", groups=["Caseworkers"])
    assert (status, why) == (200, "The rule lets this person in.")
    assert "Remote-Groups" in page
    assert tried(root, "/school", type="local")[1] == "The session is of none of the rule's types."
    assert tried(root, "/salaries", type="local", proof=5)[0] == 200
    assert tried(root, "/salaries", type="local", proof=50)[0] == 302
    page = tried(root, "/public/..%2fdesk", type="local")[2]
    assert "/public/..%2fdesk" in page
    assert ">desk<" in page


def test_it_knows_a_person_for_whoever_may_see_people(root: Client, person: User) -> None:
    rule("files")
    person.groups.add(Group.objects.create(name="Caseworkers"))
    status, _why, page = tried(root, person="ALICE", type="ldap")
    assert status == 200
    assert person.uid in page
    assert "Alice %C3%85berg" in page
    assert "Caseworkers" in page
    looker = staff("view_accessrule")
    assert person.uid not in tried(looker, person="alice", type="ldap")[2]
    assert "Nobody has the username nobody." in root.get(
        TRY, {"url": f"https://{HOST}/", "method": "GET", "manner": "page", "person": "nobody"}
    ).content.decode()  # fmt: skip


def test_it_asks_again_for_what_the_gateway_would_not_read(root: Client) -> None:
    root.cookies["vestibule-language"] = "de"
    for url in ("", "files", "https://a b/", "/path", "https://files.example.org"):
        page = root.get(TRY, {"url": url, "method": "GET", "manner": "page"})
        assert page.context["outcome"] is None
        assert "url" in page.context["form"].errors
        assert "<title>Fehler: " in page.content.decode()
        assert not url or "Geben Sie eine ganze ein" in page.content.decode()
    moved = {"url": f"https://{HOST}/a" + ",/a" * 4, "method": "MOVE", "manner": "client"}
    assert "url" in root.get(TRY, moved).context["form"].errors
    asked = {"url": f"https://{HOST}/", "method": "G T", "manner": "page"}
    assert "method" in root.get(TRY, asked).context["form"].errors
    old = {"url": f"https://{HOST}/", "method": "GET", "manner": "page", "type": "local"}
    assert "proof" in root.get(TRY, {**old, "proof": "99999999999"}).context["form"].errors


def test_it_works_on_the_terminal(person: User) -> None:
    rule("files", groups=["Caseworkers"])

    def run(*args: str) -> str:
        out = io.StringIO()
        call_command("rules", "test", f"https://{HOST}/a", *args, stdout=out)
        return out.getvalue()

    assert run().splitlines()[0] == "302  Nobody is signed in: the browser is sent to sign in."
    assert run("--manner", "client").startswith("401")
    assert run("--as", "alice").startswith("403  The person is in none")
    allowed = run("--type", "local", "--group", "Caseworkers")
    assert allowed.startswith("200  The rule lets this person in.")
    assert "files" in allowed
    assert "Remote-Groups: Caseworkers" in allowed
    with pytest.raises(CommandError, match="nobody-there"):
        run("--as", "nobody-there")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("rules", "test", "https://a b/")
    with pytest.raises(CommandError, match="a whole address"):
        call_command("rules", "test", "files")


@pytest.mark.parametrize("place", [ADD, TRY])
def test_types_and_roles_are_offered_in_words(root: Client, place: str) -> None:
    Group.objects.get_or_create(name="role:auditor")
    Group.objects.create(name="Caseworkers")
    page = unescape(root.get(place).content.decode())
    assert "Auditor (role)" in page
    assert "> role:auditor" not in page
    assert "Caseworkers" in page
    assert "Directory (LDAP) (ldap)" in page
    assert 'value="role:auditor"' in page
