"""Clients, by an operator's form and from a file (docs/contract.md 7)."""

from __future__ import annotations

import io
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, ManagementUtility, call_command
from django.test import Client as Browser
from django.utils import timezone

from accounts.keyring import digest
from accounts.models import User
from portal.authorization_server.models import Client
from tests.http.conftest import PASSWORD, sign_in
from tests.http.oauth.application import register

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.desk]
ADD = "/admin/authorization_server/client/add/"
FILE = """
[clients.web]
name = "The library's site"
kind = "server"
auth_method = "client_secret_basic"
redirect_uris = ["https://library.example/cb"]
post_logout_redirect_uris = ["https://library.example/"]
scopes = ["openid", "profile"]
first_party = true

[clients.cli]
name = "Command line"
kind = "native"
redirect_uris = ["http://127.0.0.1"]

[clients.signer]
kind = "server"
auth_method = "private_key_jwt"
redirect_uris = ["https://signer.example/cb"]
jwks_uri = "https://signer.example/jwks"
"""


@pytest.fixture
def admin(house: None) -> Browser:
    User.objects.create_superuser("ada", PASSWORD, name="Ada")
    own = Browser()
    sign_in(own, "ada")
    return own


def form(**changes: str) -> dict[str, str]:
    return {
        "name": "Web", "client_id": "web", "kind": "server", "auth_method": "client_secret_basic",
        "redirect_uris": "https://a.example/cb\nhttps://b.example/cb",
        "allowed_scopes": "openid profile", "jwks": "{}", **changes,
    }  # fmt: skip


def test_a_secret_is_shown_once_and_rests_as_a_digest(admin: Browser) -> None:
    done = admin.post(ADD, form(), follow=True)
    found = re.search(r"not shown again: ([\w-]{43})", done.content.decode())
    assert found, done.content.decode()
    row = Client.objects.get(client_id="web")
    assert row.client_secret == digest(found[1])
    assert (row.client_type, row.redirect_uris.split()) == (
        "confidential",
        ["https://a.example/cb", "https://b.example/cb"],
    )
    page = admin.get(f"/admin/authorization_server/client/{row.pk}/change/").content.decode()
    assert found[1] not in page
    assert row.client_secret not in page


def test_a_change_keeps_the_secret_and_a_new_one_ends_it(admin: Browser) -> None:
    admin.post(ADD, form())
    before = Client.objects.get(client_id="web")
    url = f"/admin/authorization_server/client/{before.pk}/change/"
    admin.post(url, form(name="Other"))
    after = Client.objects.get(client_id="web")
    assert (after.name, after.client_secret) == ("Other", before.client_secret)
    chosen = {"action": "renew_secret", "_selected_action": str(before.pk)}
    done = admin.post("/admin/authorization_server/client/", chosen, follow=True)
    assert "not shown again" in done.content.decode()
    renewed = Client.objects.get(client_id="web").client_secret
    assert renewed != before.client_secret
    admin.post(ADD, form(client_id="other"))
    chosen["_selected_action"] = [*Client.objects.values_list("pk", flat=True)]
    said = admin.post("/admin/authorization_server/client/", chosen, follow=True).content.decode()
    assert "Choose one client" in said
    assert "The secret of web," not in said
    assert Client.objects.get(client_id="web").client_secret == renewed
    public = register("public")
    chosen["_selected_action"] = [str(public.pk)]
    said = admin.post("/admin/authorization_server/client/", chosen, follow=True).content.decode()
    assert "There is no secret of public. Nothing was changed." in said


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"redirect_uris": "javascript:alert(1)"}, "redirect_uris"),
        ({"redirect_uris": ""}, "redirect_uris"),
        ({"auth_method": "none"}, "auth_method"),
        ({"kind": "browser"}, "auth_method"),
        ({"allowed_scopes": "openid admin"}, "allowed_scopes"),
        ({"allowed_origins": "https://spa.example/ *"}, "allowed_origins"),
        ({"auth_method": "private_key_jwt"}, "jwks"),
        ({"jwks": "{"}, "jwks"),
        ({"jwks_uri": "http:/a.example"}, "jwks_uri"),
        ({"legacy_desktop": "on", "auth_method": "client_secret_post"}, "legacy_desktop"),
        ({"backchannel_logout_uri": "ftp://a.example/"}, "backchannel_logout_uri"),
        ({"backchannel_logout_uri": "https://a.example/#x"}, "backchannel_logout_uri"),
    ],
)
def test_what_does_not_fit_is_said_at_its_field(
    admin: Browser, changes: dict[str, str], field: str
) -> None:
    page = admin.post(ADD, form(**changes))
    assert page.status_code == 200
    assert field in page.context["adminform"].form.errors
    assert not Client.objects.filter(client_id="web").exists()


def test_a_fresh_sign_in_is_asked_for(admin: Browser) -> None:
    with time_machine.travel(timezone.now() + timedelta(seconds=901)):
        assert "/auth/login/local" in admin.get(ADD)["Location"]


def test_our_own_front_ends_client_is_not_touched(admin: Browser) -> None:
    Client.objects.create(client_id="vestibule", redirect_uris="")
    assert "vestibule</a>" not in admin.get("/admin/authorization_server/client/").content.decode()


# --- From a file ----------------------------------------------------------------------------------


def apply(tmp_path: Path, text: str) -> str:
    file, out = tmp_path / "clients.toml", io.StringIO()
    file.write_text(text)
    call_command("clients", "apply", str(file), stdout=out)
    return out.getvalue()


def test_a_file_is_applied_and_twice_changes_nothing(db: None, tmp_path: Path) -> None:
    said = apply(tmp_path, FILE)
    found = re.search(r"not shown again: ([\w-]{43})", said)
    assert found
    assert [line.split()[:2] for line in said.splitlines() if "again" not in line] == [
        ["created", "web"],
        ["created", "cli"],
        ["created", "signer"],
    ]
    row = Client.objects.get(client_id="web")
    assert row.client_secret == digest(found[1])
    assert (row.allowed_scopes, row.skip_authorization) == ("openid profile", True)
    assert [line.split() for line in apply(tmp_path, FILE).splitlines()] == [
        ["unchanged", "web"],
        ["unchanged", "cli"],
        ["unchanged", "signer"],
    ]
    changed = apply(tmp_path, FILE.replace("first_party = true\n", ""))
    assert changed.splitlines()[0].split() == ["changed", "web:", "first_party"]
    assert Client.objects.get(client_id="web").client_secret == row.client_secret


def test_what_is_exported_is_applied_alike(db: None, tmp_path: Path) -> None:
    apply(tmp_path, FILE)
    out = io.StringIO()
    call_command("clients", "export", stdout=out)
    assert "client_secret: kept" in out.getvalue()
    said = apply(tmp_path, out.getvalue())
    assert {line.split()[0] for line in said.splitlines()} == {"unchanged"}


def test_a_secret_may_name_its_place(
    db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WEB_SECRET", "s" * 40)
    text = FILE.replace('kind = "server"', 'kind = "server"\nclient_secret = "env:WEB_SECRET"')
    assert "again" not in apply(tmp_path, text)
    assert Client.objects.get(client_id="web").client_secret == digest("s" * 40)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"server"', '"magic"', "clients.web.kind"),
        ("first_party = true", "first_party = 1", "clients.web.first_party"),
        ("first_party = true", "colour = 1", "clients.web.colour"),
        ('["https://library.example/cb"]', '["http://library.example/cb"]', "clients.web.redirect"),
        ('["https://library.example/cb"]', "[1]", "clients.web.redirect"),
        (
            'kind = "server"',
            'kind = "server"\nclient_secret = "short"',
            "clients.web.client_secret",
        ),
        (
            'kind = "server"',
            'kind = "server"\nclient_secret = "env:NO"',
            "clients.web.client_secret",
        ),
        ("[clients.cli]", "[clients.vestibule]", "clients.vestibule.client_id"),
        ("[clients.cli]", "[sources.cli]", "sources: unknown"),
        ("[clients.cli]", "[clients.cli", "TOML"),
    ],
)
def test_a_file_with_a_fault_changes_nothing(
    db: None, tmp_path: Path, old: str, new: str, problem: str
) -> None:
    with pytest.raises(CommandError) as refusal:
        apply(tmp_path, FILE.replace(old, new))
    assert problem in str(refusal.value)
    assert not Client.objects.filter(client_id__in=["web", "cli"]).exists()


def test_the_form_takes_the_address_of_keys(admin: Browser) -> None:
    signs = {"auth_method": "private_key_jwt", "jwks_uri": "https://a.example/jwks"}
    admin.post(ADD, form(**signs))
    row = Client.objects.get(client_id="web")
    assert (row.jwks_uri, row.jwks, row.client_secret) == ("https://a.example/jwks", {}, "")


def test_check_says_what_is_wrong(db: None, tmp_path: Path) -> None:
    apply(tmp_path, FILE)
    out = io.StringIO()
    call_command("clients", "check", stdout=out)
    assert out.getvalue().split() == ["ok", "cli", "ok", "signer", "ok", "web"]
    Client.objects.filter(client_id="web").update(client_secret="", redirect_uris="http://x")
    with pytest.raises(CommandError):
        call_command("clients", "check", stdout=out)
    assert "It has no secret yet." in out.getvalue()
    Client.objects.filter(client_id="cli").update(client_secret="pbkdf2$x")
    with pytest.raises(CommandError, match="cli"):
        call_command("clients", "check", stdout=out)


def test_the_toolkits_command_makes_no_client(capsys: pytest.CaptureFixture[str]) -> None:
    line = ["manage.py", "createapplication", "confidential", "authorization-code", "--name", "x"]
    with pytest.raises(SystemExit) as left:
        ManagementUtility(line).execute()
    assert left.value.code == 1
    assert "clients apply" in capsys.readouterr().err


def test_the_signing_key_is_turned(client: Browser, house: None) -> None:
    def kids() -> list[Any]:
        return [each["kid"] for each in client.get("/oauth/jwks").json()["keys"]]

    (first,) = kids()
    out = io.StringIO()
    call_command("rotate_signing_key", stdout=out)
    assert kids() == [out.getvalue().strip(), first]
