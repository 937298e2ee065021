"""The rule by itself: numbers in every notation, and what counts as a yes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.errors import AccessDenied, TemporarilyUnavailable
from providers.unilogin import institutions

LISTS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "one-in-brackets": ("[A04441]", ("A04441",)),
    "two": ("[A04441,101047]", ("A04441", "101047")),
    "with-spaces": ("[ A04441 , 101047 ]", ("A04441", "101047")),
    "with-space-round-the-brackets": ("  [A04441]\n", ("A04441",)),
    "without-brackets": ("A04441, 101047", ("A04441", "101047")),
    "quoted-as-json": ('["A04441","101047"]', ("A04441", "101047")),
    "quoted-singly": ("['A04441']", ("A04441",)),
    "in-small-letters": ("[a04441]", ("A04441",)),
    "twice": ("[A04441,A04441, a04441]", ("A04441",)),
    "with-gaps": ("[,A04441,,]", ("A04441",)),
    "a-list": (["A04441", "101047"], ("A04441", "101047")),
    "a-list-with-strangers": (["A04441", 1, None, ["A1"], "101047"], ("A04441", "101047")),
    "empty": ("", ()),
    "empty-brackets": ("[]", ()),
    "an-empty-list": ([], ()),
    "null": (None, ()),
    "a-number": (101047, ()),
    "true": (True, ()),
    "an-object": ({"A04441": 1}, ()),
    "markup": ("[<a>,A0444&1,A04441]", ("A04441",)),
    "other-digits": ("[\u0661\u0660\u0661,A04441]", ("A04441",)),
    "too-long": ("[" + "A" * 21 + ",A04441]", ("A04441",)),
}


@pytest.mark.parametrize(("written", "read"), LISTS.values(), ids=LISTS)
def test_the_institutions_of_a_person(written: Any, read: tuple[str, ...]) -> None:
    assert institutions.listed(written) == read


@given(st.one_of(st.text(max_size=5000), st.lists(st.text(max_size=30), max_size=3000)))
def test_whatever_is_written_a_few_proper_numbers_come_of_it(written: Any) -> None:
    found = institutions.listed(written)
    assert len(found) <= institutions.MOST
    assert all(each.isascii() and each.isalnum() and each == each.upper() for each in found)


MUNICIPALITIES = {
    "101": "101", "0101": "101", " 101 ": "101", "000999": "999", "1": "1", "": "", "0": "",
    "000": "", "1 01": "", "101a": "", "-101": "", "1.0": "",
    "\u0661\u0660\u0661": "", "1234567": "",
}  # fmt: skip


@pytest.mark.parametrize(("written", "read"), MUNICIPALITIES.items())
def test_the_number_of_a_municipality(written: str, read: str) -> None:
    assert institutions.municipality(written) == read


@pytest.mark.parametrize("no_text", [None, 101, True, ["101"], {}])
def test_what_is_no_text_is_no_municipality(no_text: Any) -> None:
    assert institutions.municipality(no_text) == ""


YES: dict[str, list[dict[str, Any]]] = {
    "text": [{"has_license": "true"}],
    "boolean": [{"has_license": True}],
    "both": [{"has_license": "true"}, {"has_license": True}],
    "one-of-two": [{"has_license": "true"}, {}],
}
NO: dict[str, list[dict[str, Any]]] = {
    "nobody-says-anything": [{}, {}],
    "text": [{"has_license": "false"}],
    "boolean": [{"has_license": False}],
    "contradiction": [{"has_license": "true"}, {"has_license": "false"}],
    "number": [{"has_license": 1}],
    "float": [{"has_license": 1.0}],
    "capitals": [{"has_license": "TRUE"}],
    "space": [{"has_license": " true"}],
    "null": [{"has_license": None}],
    "null-beside-a-yes": [{"has_license": True}, {"has_license": None}],
    "list": [{"has_license": [True]}],
}


@pytest.mark.parametrize("told", YES.values(), ids=YES)
def test_a_licence(told: list[dict[str, Any]]) -> None:
    institutions.check_licence(*told)


@pytest.mark.parametrize("told", NO.values(), ids=NO)
def test_no_licence(told: list[dict[str, Any]]) -> None:
    with pytest.raises(AccessDenied):
        institutions.check_licence(*told)


def judge(*numbers: str, exempt: frozenset[str] = frozenset()) -> list[str]:
    """Judge; N lies in no municipality, Y in ours, X cannot be told. Returns who was asked for."""
    asked: list[str] = []

    def municipality_of(number: str, left: int) -> str:
        asked.append(number)
        assert left == len(numbers) - numbers.index(number)
        if number.startswith("X"):
            raise TemporarilyUnavailable("in trouble")
        return "101" if number.startswith("Y") else ""

    institutions.check_institutions(
        numbers, allowed=frozenset({"101"}), exempt=exempt, municipality_of=municipality_of
    )
    return asked


def test_institutions_are_tried_until_one_fits() -> None:
    assert judge("N1", "N2", "Y1", "Y2") == ["N1", "N2", "Y1"]


def test_one_that_fits_is_enough_beside_one_that_cannot_be_told() -> None:
    assert judge("X1", "N1", "Y1") == ["X1", "N1", "Y1"]


@pytest.mark.parametrize("numbers", [("X1",), ("N1", "X1", "N2"), ("X1", "X2")])
def test_what_cannot_be_told_is_neither_yes_nor_no(numbers: tuple[str, ...]) -> None:
    with pytest.raises(TemporarilyUnavailable):
        judge(*numbers)


@pytest.mark.parametrize("numbers", [(), ("N1",), ("N1", "N2")])
def test_where_nothing_fits_it_is_a_no(numbers: tuple[str, ...]) -> None:
    with pytest.raises(AccessDenied):
        judge(*numbers)


def test_an_exempt_institution_is_not_asked_for() -> None:
    assert judge("N1", "X1", exempt=frozenset({"X1"})) == []


def test_an_unknown_institution_never_fits_a_municipality_that_is_none() -> None:
    assert institutions.municipalities(["", "0", "abc", "0101"]) == {"101"}
