"""How strongly somebody has proved who they are: each rule of docs/strength.md as a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from django.core import checks as system

from accounts import strength
from accounts.checks import strengths_are_known
from accounts.models import Source
from accounts.source import catalogue
from accounts.strength import Strength, levels
from tests.peers import fresh

LOW, SUBSTANTIAL, HIGH = Strength
NSIS = "https://data.gov.dk/concept/core/nsis"
EIDAS = "http://eidas.europa.eu/LoA"


@dataclass(frozen=True)
class Proof:
    acr: str = ""
    amr: tuple[str, ...] = ()
    source: str = "town"


@dataclass(frozen=True)
class Case:
    acr: str = ""
    amr: tuple[str, ...] = ()
    means: Strength | None = None
    own: dict[str, str] = field(default_factory=dict)


TABLE = [
    # Our own words, NSIS, eIDAS.
    Case("low", means=LOW),
    Case("substantial", means=SUBSTANTIAL),
    Case("high", means=HIGH),
    Case("Low", means=LOW),
    Case("Substantial", means=SUBSTANTIAL),
    Case(f"{NSIS}/loa/Low", means=LOW),
    Case(f"{NSIS}/loa/Substantial", means=SUBSTANTIAL),
    Case(f"{NSIS}/High", means=HIGH),
    Case(f"{EIDAS}/low", means=LOW),
    Case(f"{EIDAS}/substantial", means=SUBSTANTIAL),
    Case(f"{EIDAS}/high", means=HIGH),
    # Others.
    Case("phr", means=SUBSTANTIAL),
    Case("phrh", means=SUBSTANTIAL),
    Case("https://refeds.org/profile/mfa", means=SUBSTANTIAL),
    Case("https://refeds.org/profile/sfa", means=LOW),
    # The means count where the `acr` says nothing.
    Case(amr=("pwd",), means=LOW),
    Case(amr=("pwd", "otp"), means=LOW),
    Case(amr=("pwd", "otp", "mfa"), means=SUBSTANTIAL),
    Case("urn:unknown", amr=("mfa",), means=SUBSTANTIAL),
    Case("low", amr=("mfa",), means=LOW),
    Case(f"{NSIS}/loa/Low", amr=("pwd", "mfa"), means=LOW),
    # What nobody knows proves nothing: it is not even low.
    Case(),
    Case("urn:unknown"),
    Case("SUBSTANTIAL"),
    Case("high low"),
    Case("*"),
    Case("none"),
    Case("c1"),
    Case("2"),
    Case(amr=("face",)),
    # A source explains itself, and is believed before the site's table.
    Case("Level3", means=SUBSTANTIAL, own={"Level3": "substantial"}),
    Case("c1", means=HIGH, own={"c1": "high"}),
    Case("c2", own={"c1": "high"}),
    Case("high", means=LOW, own={"high": "low"}),
    Case("high", own={"high": "none"}),
    Case("high", amr=("mfa",), means=HIGH, own={"gold": "high"}),
    Case("1", amr=("mfa",), means=HIGH, own={"mfa": "high"}),
    Case("silver", amr=("mfa",), means=LOW, own={"silver": "low", "mfa": "high"}),
    Case("high", amr=("mfa",), means=SUBSTANTIAL, own={"mfa": "substantial"}),
    # `*` is all that it says beside, and when it says nothing: a source can be capped.
    Case("high", means=LOW, own={"*": "low"}),
    Case("", means=LOW, own={"*": "low"}),
    Case("", amr=("mfa",), means=LOW, own={"*": "low"}),
    Case("gold", means=HIGH, own={"*": "low", "gold": "high"}),
    Case("high", own={"*": "none"}),
]


@pytest.mark.parametrize("case", TABLE, ids=str)
def test_what_an_upstream_says_means_one_of_ours_or_nothing(case: Case) -> None:
    own = levels.read(case.own)
    assert levels.judged(case.acr, case.amr, own, levels.BUILT_IN) == case.means


def test_the_words_are_in_their_order() -> None:
    assert [each.word for each in sorted(Strength)] == ["low", "substantial", "high"]
    assert LOW < SUBSTANTIAL < HIGH
    assert strength.named("substantial") is SUBSTANTIAL
    assert strength.named("Substantial") is None


ASKED = [
    ({"Level3": "substantial", "Level2": "low", "Level4": "high"}, LOW, "Level2 Level3 Level4"),
    ({"Level3": "substantial", "Level2": "low", "Level4": "high"}, SUBSTANTIAL, "Level3 Level4"),
    ({"Level3": "substantial", "*": "high", "mfa": "high"}, SUBSTANTIAL, "Level3"),
]


@pytest.mark.parametrize(("own", "wanted", "words"), ASKED, ids=str)
def test_a_source_is_asked_in_its_own_words(
    own: dict[str, str], wanted: Strength, words: str
) -> None:
    found = levels.words_for(wanted, levels.read(own), levels.BUILT_IN)
    assert " ".join(found) == words


@pytest.mark.parametrize("own", [{}, {"*": "low"}, {"Level2": "low"}], ids=str)
def test_a_source_without_such_words_is_asked_in_all_that_are_common(own: dict[str, str]) -> None:
    found = levels.words_for(SUBSTANTIAL, levels.read(own), levels.BUILT_IN)
    assert f"{NSIS}/loa/Substantial" in found
    assert "substantial" in found
    assert not {"low", "mfa", f"{NSIS}/loa/Low"} & {*found}
    assert len({levels.BUILT_IN[each] for each in found[:1]} & {SUBSTANTIAL}) == 1
    assert levels.BUILT_IN[found[-1]] == HIGH, "the weakest that is enough comes first"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("", None), ("1 2", None), ("low", LOW), ("high substantial", SUBSTANTIAL), ("1 high", HIGH)],
)  # fmt: skip
def test_of_several_words_the_weakest_is_enough(text: str, wanted: Strength | None) -> None:
    assert levels.asked_for(text.split()) == wanted


@pytest.fixture
def town(db: None) -> Source:
    row = Source(slug="town", provider="oidc")
    row.settings = {"issuer": "https://town.example", "client_id": "portal"}
    catalogue.save(row)
    fresh.sources()
    return row


def test_a_session_is_judged_by_the_tables_as_they_are_now(town: Source, settings: Any) -> None:
    assert strength.of(Proof("Level3")) is None
    settings.VESTIBULE_STRENGTHS = ["Level3=substantial", "urn:a=b=low", "high=none"]
    assert strength.of(Proof("Level3")) is SUBSTANTIAL
    assert strength.of(Proof("urn:a=b")) is LOW
    assert strength.of(Proof("high")) is None, "a word can be taken out"
    assert strength.of(Proof("substantial")) is SUBSTANTIAL


def test_a_session_of_no_source_proves_nothing(town: Source) -> None:
    assert strength.of(Proof("high")) is HIGH
    assert strength.of(Proof("high", source="gone")) is None
    assert strength.of(Proof("high", source="")) is None
    assert not strength.has(Proof("", source=""), LOW)
    assert strength.has(Proof("", source=""), None), "nothing is wanted"


HAS = [
    ("low", LOW, True), ("low", SUBSTANTIAL, False), ("low", HIGH, False),
    ("substantial", LOW, True), ("substantial", SUBSTANTIAL, True), ("substantial", HIGH, False),
    ("high", LOW, True), ("high", SUBSTANTIAL, True), ("high", HIGH, True),
    ("urn:x", LOW, False), ("", LOW, False),
]  # fmt: skip


@pytest.mark.parametrize(("acr", "wanted", "enough"), HAS, ids=str)
def test_what_is_stronger_is_enough(town: Source, acr: str, wanted: Strength, enough: bool) -> None:
    assert strength.has(Proof(acr), wanted) is enough


TOLD = [
    (f"{NSIS}/loa/Substantial", [], f"{NSIS}/loa/Substantial"),
    (f"{NSIS}/loa/Substantial", ["substantial"], "substantial"),
    (f"{NSIS}/loa/Substantial", ["low"], "low"),
    (f"{NSIS}/loa/Substantial", ["low", "substantial"], "substantial"),
    (f"{NSIS}/loa/Substantial", ["high"], f"{NSIS}/loa/Substantial"),
    (f"{NSIS}/loa/Substantial", ["low", f"{NSIS}/loa/Substantial"], f"{NSIS}/loa/Substantial"),
    ("urn:x", ["low"], "urn:x"),
    ("", ["low"], ""),
]


@pytest.mark.parametrize(("acr", "asked", "told"), TOLD, ids=str)
def test_an_application_is_told_what_it_asked_for_and_is_true(
    town: Source, acr: str, asked: list[str], told: str
) -> None:
    assert strength.told(Proof(acr), asked) == told


CAPPED = [
    ("low", "high", [], "low"),
    ("low", "high", ["high"], "low"),
    ("low", "high", ["high", "low"], "low"),
    ("low", "urn:x", ["high"], "urn:x"),
    ("none", "high", ["high"], ""),
    ("none", "low", [], ""),
    ("high", "low", [], "low"),
]


@pytest.mark.parametrize(("cap", "acr", "asked", "told"), CAPPED, ids=str)
def test_no_application_is_told_more_than_a_source_is_believed(
    town: Source, cap: str, acr: str, asked: list[str], told: str
) -> None:
    town.settings["strengths"] = {"*": cap}
    catalogue.save(town)
    fresh.sources()
    assert strength.told(Proof(acr), asked) == told


def test_a_word_that_means_nothing_is_named_at_start(settings: Any) -> None:
    settings.VESTIBULE_STRENGTHS = ["Level3=medium", "gold=high", "silver"]
    found = strengths_are_known()
    assert [each.id for each in found] == ["vestibule.E015"] * 2
    assert "Level3=medium" in found[0].msg
    assert "silver" in found[1].msg
    settings.VESTIBULE_STRENGTHS = ["gold=high", "bronze=none"]
    assert strengths_are_known() == []
    assert isinstance(found[0], system.Error)
