"""docs/contract.md 7: `manage.py sources apply | export | check` (docs/sources.md)."""

from __future__ import annotations

import io
import sys
import tomllib
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import EndedEntry, Event, Source
from accounts.source import catalogue
from portal.configuration import toml
from tests.peers.upstream import upstream

SECRET = "the-secret-of-the-town"
LOCAL = '[sources.local]\nprovider = "local"\norder = 1000\nenroll = false\n'
TOWN = """
[sources.town]
provider = "tenant"
label = "The \\"town\\" of Århus"
order = 5
require_assignment = true

[sources.town.settings]
upstream = "https://town.example"
secret = "the-secret-of-the-town"
origins = ["https://town.example", "https://www.town.example"]
"""

pytestmark = pytest.mark.django_db


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sources.toml"


def run(*args: str, **options: Any) -> str:
    out = StringIO()
    call_command("sources", *args, stdout=out, **options)
    return out.getvalue()


def apply(file: Path, text: str, *options: str) -> list[str]:
    file.write_text(text)
    return [line.split()[0] for line in run("apply", str(file), *options).splitlines()]


def town() -> Any:
    return catalogue.instance(Source.objects.get(slug="town")).settings  # type: ignore[attr-defined]


def test_what_the_file_says_is_made(file: Path) -> None:
    assert apply(file, TOWN) == ["created"]
    row = Source.objects.get(slug="town")
    assert (row.label, row.order, row.require_assignment) == ('The "town" of Århus', 5, True)
    assert town().secret == SECRET
    assert town().origins == ("https://town.example", "https://www.town.example")
    assert EndedEntry.objects.filter(kind="source", value="town").exists()


def test_applying_twice_changes_nothing(file: Path) -> None:
    apply(file, TOWN + LOCAL)
    before = Source.objects.get(slug="town").settings
    count = EndedEntry.objects.count()
    assert apply(file, TOWN + LOCAL) == ["unchanged", "unchanged"]
    assert Source.objects.get(slug="town").settings == before
    assert EndedEntry.objects.count() == count


def test_a_change_is_said_field_by_field(file: Path) -> None:
    apply(file, TOWN)
    file.write_text(TOWN.replace("order = 5", "order = 6").replace(SECRET, "another"))
    assert run("apply", str(file)).split() == ["changed", "town:", "order,", "settings.secret"]
    assert town().secret == "another"


def test_a_key_that_is_missing_has_its_default(file: Path) -> None:
    apply(file, TOWN)
    apply(file, TOWN.replace("order = 5\n", "").replace("require_assignment = true\n", ""))
    row = Source.objects.get(slug="town")
    assert (row.order, row.require_assignment) == (100, False)


def test_a_secret_that_is_missing_stays_and_an_empty_one_goes(file: Path) -> None:
    apply(file, TOWN)
    assert apply(file, TOWN.replace(f'secret = "{SECRET}"\n', "")) == ["unchanged"]
    assert town().secret == SECRET
    assert apply(file, TOWN.replace(SECRET, "")) == ["changed"]
    assert town().secret == ""


def test_a_secret_may_move_to_the_environment(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOWN_SECRET", SECRET)
    apply(file, TOWN)
    assert apply(file, TOWN.replace(SECRET, "env:TOWN_SECRET")) == ["changed"]
    assert Source.objects.get(slug="town").settings["secret"] == "env:TOWN_SECRET"
    assert town().secret == SECRET


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ('[sources.x]\nprovider = "tenant"\ncolour = 1', "sources.x.colour"),
        ("[sources.x]\norder = 1", "sources.x.provider"),
        ('[sources.x]\nprovider = "none"', "sources.x.provider"),
        ('[sources.x]\nprovider = "local"\norder = "1"', "sources.x.order"),
        ('[sources.x]\nprovider = "local"\nenabled = 1', "sources.x.enabled"),
        ('[sources.x]\nprovider = "local"\nsettings = 1', "sources.x.settings"),
        ('[sources.x]\nprovider = "local"\nafter_login = "//evil.example"', "x.after_login"),
        ('[sources.X_y]\nprovider = "local"', "sources.X_y.slug"),
        ('[sources.x]\nprovider = "tenant"', "sources.x.settings: Missing setting: upstream"),
        ('[sources.x]\nprovider = "tenant"\n[sources.x.settings]\nhue = 1', "setting: hue"),
        ('[sources.x]\nprovider = "local"', "sources.x.provider: Passwords of this site"),
        ('[sources.x]\nprovider = "tenant"\nsettings = {upstream = "sealed:x"}', "upstream"),
        ('[sources.x]\nprovider = "local"\nlabel = "' + "x" * 101 + '"', "sources.x.label"),
        ('[sources.local]\nprovider = "tenant"', "sources.local.provider"),
        ("[source.x]", "source:"),
        ("sources = 1", "sources:"),
        ("[sources]\nx = 1", "sources:"),
        ("[sources", "TOML"),
        ('[sources.x]\nprovider = "tenant"\nlabel = "a\\u0000b"', "NUL"),
        ('[sources.x]\ngroups = { "a\\u0000b" = ["c"] }', "NUL"),
        pytest.param(f"[sources.x]\nx = {'[' * 5000}", "TOML", id="brackets without an end"),
        pytest.param(f"[sources.x]\norder = {'9' * 5000}", "TOML", id="a number without an end"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_changes(file: Path, wrong: str, named: str) -> None:
    good = TOWN if ".x]" in wrong else ""
    with pytest.raises(CommandError) as refused:
        apply(file, good + wrong)
    assert named in str(refused.value)
    assert "Nothing was changed." in str(refused.value)
    assert list(Source.objects.values_list("slug", flat=True)) == ["local"]


def test_all_that_is_wrong_is_said_at_once(file: Path) -> None:
    with pytest.raises(CommandError) as refused:
        apply(file, '[sources.a]\nprovider = "x"\n[sources.b]\nprovider = "y"')
    assert "sources.a.provider" in str(refused.value)
    assert "sources.b.provider" in str(refused.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_named(file: Path, content: bytes | None) -> None:
    if content:
        file.write_bytes(content)
    with pytest.raises(CommandError, match=file.name.replace(".", r"\.")):
        run("apply", str(file))


def test_prune_disables_what_the_file_does_not_name_but_never_the_way_in(file: Path) -> None:
    apply(file, TOWN)
    Source.objects.filter(slug="town").update(settings={"nonsense": 1})
    assert apply(file, "[sources]", "--prune") == ["disabled"]
    assert list(Source.objects.filter(enabled=True).values_list("slug", flat=True)) == ["local"]
    assert apply(file, "[sources]", "--prune") == []
    told = Event.objects.get(name="source.changed")
    assert (told.source, told.detail, told.actor) == ("town", "enabled", "site")


@pytest.mark.parametrize("text", ["", "# nothing\n"])
def test_prune_takes_no_file_without_a_table(file: Path, text: str) -> None:
    apply(file, TOWN)
    with pytest.raises(CommandError, match=r"--prune .* \[sources\]"):
        apply(file, text, "--prune")
    assert Source.objects.get(slug="town").enabled
    assert apply(file, text) == []


def test_without_prune_the_others_stay(file: Path) -> None:
    apply(file, TOWN)
    apply(file, LOCAL)
    assert Source.objects.get(slug="town").enabled


def test_standard_input_is_utf8_whatever_the_locale_says(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(text: bytes) -> str:
        given = io.TextIOWrapper(io.BytesIO(text), "ascii", "surrogateescape")  # LC_ALL=C
        monkeypatch.setattr(sys, "stdin", given)
        return run("apply", "-")

    assert "created" in told(TOWN.encode())
    with pytest.raises(CommandError, match="- is not UTF-8 text"):
        told(TOWN.replace("5", "6").encode("latin-1"))
    assert Source.objects.get(slug="town").label == 'The "town" of Århus'


# --- export ---------------------------------------------------------------------------------------


def test_what_is_exported_can_be_applied_and_changes_nothing(file: Path) -> None:
    apply(file, TOWN)
    exported = run("export")
    assert set(apply(file, exported)) == {"unchanged"}
    assert town().secret == SECRET


def test_an_export_holds_no_secret_but_says_that_there_is_one(file: Path) -> None:
    apply(file, TOWN)
    exported = run("export")
    assert SECRET not in exported
    assert catalogue.SEALED not in exported
    assert "# secret:" in exported


def test_an_export_holds_references(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOWN_SECRET", SECRET)
    apply(file, TOWN.replace(SECRET, "env:TOWN_SECRET"))
    assert 'secret = "env:TOWN_SECRET"' in run("export")


def test_a_secret_written_past_the_house_is_not_exported(file: Path) -> None:
    apply(file, TOWN)
    Source.objects.filter(slug="town").update(settings={"upstream": "u", "secret": SECRET})
    assert SECRET not in run("export")


def test_a_sealed_secret_is_not_exported_where_no_wheel_names_it(file: Path) -> None:
    apply(file, TOWN)
    Source.objects.filter(slug="town").update(provider="gone")
    exported = run("export")
    assert catalogue.SEALED not in exported
    assert "# secret:" in exported
    kept = Source.objects.get(slug="town").settings
    with pytest.raises(CommandError) as refused:
        apply(file, exported)
    assert "sources.town.provider" in str(refused.value)
    assert "sealed" not in str(refused.value)
    assert Source.objects.get(slug="town").settings == kept


VALUES = st.recursive(
    st.booleans()
    | st.integers(min_value=-(2**63), max_value=2**63 - 1)
    | st.floats(allow_nan=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), VALUES))
def test_what_is_written_as_toml_is_read_again(table: dict[str, Any]) -> None:
    text = "\n".join(toml.line(name, value) for name, value in table.items())
    assert tomllib.loads(text) == table


def test_toml_has_no_word_for_some_things() -> None:
    with pytest.raises(TypeError, match="NoneType"):
        toml.value(None)


# --- check ----------------------------------------------------------------------------------------


def test_check_asks_the_upstream(file: Path) -> None:
    with upstream() as peer:
        apply(file, TOWN.replace("https://town.example", peer.url))
        assert "The upstream answers." in run("check", "town")


def test_check_ends_with_an_error_and_says_the_fix(file: Path) -> None:
    apply(file, TOWN.replace("https://town.example", "http://127.0.0.1:9"))
    out = StringIO()
    with pytest.raises(CommandError, match="town") as failed:
        call_command("sources", "check", "town", stdout=out)
    assert failed.value.returncode == 1
    assert "The upstream does not answer." in out.getvalue()
    assert "Start it." in out.getvalue()


def test_check_finds_a_source_that_cannot_be_built(file: Path) -> None:
    apply(file, TOWN)
    Source.objects.filter(slug="town").update(settings={"upstream": "u", "secret": "env:GONE_NOW"})
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("sources", "check", stdout=out)
    assert "The secret of secret cannot be read." in out.getvalue()


def test_check_of_a_source_that_is_not_there_says_so() -> None:
    with pytest.raises(CommandError, match="village"):
        run("check", "village")
