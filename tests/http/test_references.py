"""References name where a secret lies, and nothing else that this machine holds."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import Source, User
from accounts.source import catalogue, references
from tests.architecture.tree import ROOT
from tests.http.conftest import PASSWORD, sign_in
from tests.peers.upstream import Upstream

Tenant = Callable[..., Source]
BLOCK = re.compile(r"^```toml\n(.*?)^```", re.M | re.S)


@pytest.fixture
def admin(client: Client, house: None) -> Client:
    User.objects.create_superuser("ada", PASSWORD, name="Ada")
    sign_in(client, "ada")
    return client


@pytest.fixture
def places(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of secrets, with a link out of it; variables inside and outside of the prefix."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "town").write_text("of-the-town\n")
    (tmp_path / "other").write_text("of-the-other\n")
    (folder / "out").symlink_to(tmp_path / "other")
    settings.VESTIBULE_SECRET_FILES = str(folder)
    monkeypatch.setenv("VESTIBULE_SOURCE_TOWN", "of-the-town")
    monkeypatch.setenv("TOWN_SECRET", "of-the-town")
    monkeypatch.setenv("VESTIBULE_SECRET_KEY", "the-key")
    monkeypatch.setenv("VESTIBULE_VAULT_KEYS_FILE", str(tmp_path / "other"))
    monkeypatch.setenv("VESTIBULE_ALARM_WEBHOOK_FILE", str(tmp_path / "webhook"))
    (tmp_path / "webhook").write_text("https://alarms.example.org/the-path\n")
    return folder


def write(client: Client, row: Source, **settings: Any) -> str:
    """Write settings in the administration. Returns what is wrong with them."""
    url = f"/admin/accounts/source/{row.pk}/change/"
    given = {"label": row.label, "order": 1, "enabled": "on", "groups": "{}", "note": ""}
    given |= {"after_login": "", "settings": json.dumps({**row.settings, **settings})}
    response = client.post(url, given)
    if response.status_code == 302:
        return ""
    return " ".join(response.context["adminform"].form.errors["settings"])


def apply(tmp_path: Path, text: str) -> None:
    file = tmp_path / "sources.toml"
    file.write_text(text)
    call_command("sources", "apply", str(file), stdout=StringIO())


def table(peer: Upstream, **settings: str) -> str:
    given = "".join(f"{name} = {json.dumps(each)}\n" for name, each in settings.items())
    head = '[sources.town]\nprovider = "tenant"\n[sources.town.settings]\n'
    return f'{head}upstream = "{peer.url}"\n{given}'


@pytest.mark.parametrize("reference", ["env:HOME", "file:/etc/hostname"])
def test_what_is_no_secret_is_never_read_from_elsewhere(
    admin: Client, tenant: Tenant, reference: str
) -> None:
    row = tenant()
    assert "only a secret" in write(admin, row, home=reference)
    stored = {**row.settings, "home": reference}
    Source.objects.filter(pk=row.pk).update(settings=stored)
    row.refresh_from_db()
    assert catalogue.instance(row).describe().home == reference
    said = StringIO()
    with pytest.raises(CommandError):
        call_command("sources", "check", "town", stdout=said)
    assert "home looks like a reference" in said.getvalue()


def test_the_administration_names_places_of_secrets_only(
    admin: Client, tenant: Tenant, places: Path
) -> None:
    row = tenant()
    for outside in (
        "env:TOWN_SECRET", "env:VESTIBULE_SOURCE_", "env:PATH", "file:/etc/hostname",
        f"file:{places}", f"file:{places}/../other", f"file:{places}/out", "file:",
    ):  # fmt: skip
        assert "a reference begins with" in write(admin, row, secret=outside), outside
    for inside in ("env:VESTIBULE_SOURCE_TOWN", f"file:{places}/town"):
        assert write(admin, row, secret=inside) == ""
        row.refresh_from_db()
        assert catalogue.instance(row).settings.secret == "of-the-town"  # type: ignore[attr-defined]


def test_nobody_names_what_the_site_is_kept_by(
    admin: Client, tenant: Tenant, places: Path, peer: Upstream, tmp_path: Path
) -> None:
    row = tenant()
    for own in (
        "env:VESTIBULE_SECRET_KEY", "env:VESTIBULE_VAULT_KEYS", "env:VESTIBULE_VAULT_KEYS_FILE",
        "env:DATABASE_URL", "env:VESTIBULE_METRICS_TOKEN", f"file:{tmp_path}/webhook",
        f"file:{tmp_path}/other", f"file:{places}/out",
        "file:/proc/self/environ", "file:/dev/stdin", f"file:{site.DATA_DIR}/keys.json",
    ):  # fmt: skip
        assert write(admin, row, secret=own)
        with pytest.raises(CommandError, match="kept by"):
            apply(tmp_path, table(peer, secret=own))
        Source.objects.filter(pk=row.pk).update(settings={**row.settings, "secret": own})
        with pytest.raises(ValidationError):
            catalogue.instance(Source.objects.get(pk=row.pk))


def test_what_the_terminal_has_stored_elsewhere_goes_on_working(
    admin: Client, house: None, places: Path, peer: Upstream, tmp_path: Path
) -> None:
    apply(tmp_path, table(peer, secret="env:TOWN_SECRET"))
    row = Source.objects.get(slug="town")
    assert catalogue.instance(row).settings.secret == "of-the-town"  # type: ignore[attr-defined]
    assert write(admin, row, leaves_by="call") == ""
    said = StringIO()
    call_command("sources", "check", "town", stdout=said)
    assert "secret lies where only the terminal may point" in said.getvalue()


def test_an_editor_without_all_rights_sends_no_secret_elsewhere(
    tenant: Tenant, places: Path, peer: Upstream
) -> None:
    editor = User.objects.create_user("carl", PASSWORD, is_staff=True)
    editor.give_local_identity()
    editor.user_permissions.set(Permission.objects.filter(codename="change_source"))
    client, row = Client(), tenant()
    sign_in(client, "carl")
    assert "all rights" in write(client, row, secret="env:VESTIBULE_SOURCE_TOWN")
    row = tenant(secret="env:VESTIBULE_SOURCE_TOWN")
    assert write(client, row, leaves_by="call") == ""
    assert "all rights" in write(client, row, upstream="http://localhost:9")


def examples() -> list[Any]:
    found = []
    for page in sorted(Path(ROOT, "docs").glob("*.md")):
        for number, text in enumerate(BLOCK.findall(page.read_text()), 1):
            if "[sources." in text:
                found.append(pytest.param(text, id=f"{page.name}-{number}"))
    return found


@pytest.mark.parametrize("text", examples())
def test_the_examples_of_the_documentation_run(
    house: None, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    secret = "of forty characters, as a key should have"
    settings.VESTIBULE_SECRET_FILES = str(tmp_path)
    for name in re.findall(r'"env:(\w+)"', text):
        monkeypatch.setenv(name, secret)
    for name in re.findall(r'"file:/run/secrets/(\w+)"', text):
        Path(tmp_path, name).write_text(secret)
    filled = re.sub("<[a-z ]+>", "4711", text)  # the reader's to fill in
    apply(tmp_path, filled.replace("file:/run/secrets/", f"file:{tmp_path}/"))
    for slug in tomllib.loads(text)["sources"]:
        row = Source.objects.get(slug=slug)
        assert catalogue.instance(row).describe().label
        named = references.named(row.settings).values()
        assert all(references.is_open_to_administration(each) for each in named)
