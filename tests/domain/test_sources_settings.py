"""docs/architecture.md 3 and 9: a provider's Settings are the only configuration it accepts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from django.core.exceptions import ValidationError

from accounts.models import Source
from accounts.source import catalogue


@dataclass(frozen=True, slots=True)
class Wanted:
    issuer: str
    secret: str = field(default="", metadata={"secret": True})
    leeway: float = 1.0
    tries: int = 1
    strict: bool = True
    method: Literal["basic", "post"] = "basic"
    scopes: tuple[str, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)
    note: str | None = None


class Carrier:
    Settings = Wanted


def typed(**values: Any) -> Any:
    return catalogue.typed_settings(Carrier, {"issuer": "x", **values})  # type: ignore[type-abstract]


@pytest.mark.parametrize(
    ("name", "given", "taken"),
    [
        ("leeway", 2, 2), ("leeway", 0.5, 0.5), ("tries", 3, 3), ("strict", False, False),
        ("method", "post", "post"), ("scopes", ["a", "b"], ("a", "b")),
        ("extra", {"a": "b"}, {"a": "b"}), ("note", None, None), ("note", "x", "x"),
    ],
)  # fmt: skip
def test_what_json_and_toml_can_say_is_taken(name: str, given: Any, taken: Any) -> None:
    assert getattr(typed(**{name: given}), name) == taken


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("issuer", 1), ("issuer", None), ("leeway", "2"), ("leeway", True), ("tries", True),
        ("tries", 1.5), ("strict", 1), ("strict", "yes"), ("method", "get"), ("method", []),
        ("scopes", "a b"), ("scopes", [1]), ("extra", []), ("note", 1),
    ],
)  # fmt: skip
def test_another_type_is_refused_by_name(name: str, given: Any) -> None:
    with pytest.raises(ValidationError, match=name):
        typed(**{name: given})


def test_missing_and_unknown_names_are_errors() -> None:
    with pytest.raises(ValidationError, match="issuer"):
        catalogue.typed_settings(Carrier, {})  # type: ignore[type-abstract]
    with pytest.raises(ValidationError, match="isuer"):
        typed(isuer="x")


def test_a_reference_is_opened_when_it_is_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("THE_SECRET", "from the environment")
    (tmp_path / "secret").write_text("from a file\n")
    assert typed(secret="env:THE_SECRET").secret == "from the environment"
    assert typed(secret=f"file:{tmp_path}/secret").secret == "from a file"


def test_a_reference_that_leads_nowhere_says_so_and_no_more(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    for given in (
        "env:NOT_THERE_AT_ALL", f"file:{tmp_path}/none", f"file:{tmp_path}/binary",
        "file:/a\0b", "sealed:nonsense", "sealed:",
    ):  # fmt: skip
        with pytest.raises(ValidationError, match="The secret of secret cannot be read"):
            typed(secret=given)


@pytest.mark.django_db
def test_a_secret_rests_sealed_and_a_reference_as_it_is() -> None:
    row = Source(slug="town", provider="tenant", settings={"upstream": "u", "secret": "plain"})
    catalogue.save(row)
    stored = Source.objects.get(slug="town").settings["secret"]
    assert stored.startswith(catalogue.SEALED)
    assert "plain" not in stored
    assert "secret" not in catalogue.shown_settings(row)
    catalogue.save(row)
    assert Source.objects.get(slug="town").settings["secret"] == stored
