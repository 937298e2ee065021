"""The readings of a path, whatever an application does to it (docs/gateway.md 4; attack H07)."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from itertools import chain, permutations
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from accounts.errors import InvalidRequest
from portal.gateway import paths
from portal.gateway.paths import Form


def _without_parameters(path: str) -> str:
    return re.sub(";[^/]*", "", path)


def _decoded(path: str) -> str:
    return unquote(path, errors="strict")


def _normalised(path: str) -> str:
    end = "/" if path.endswith(("/", "/.", "/..")) else ""
    plain = "/" + posixpath.normpath(path).strip("/")
    return plain if plain == "/" else plain + end


# What an application does, as we know it: each in whatever order, twice decoded or once.
ONCE = (_without_parameters, _decoded, _normalised)
ORDERS = tuple(chain(permutations(ONCE), permutations((*ONCE, _decoded))))
PIECES = st.sampled_from(
    ["/", "/", ";", "%2f", "%252f", "%3b", "%253b", "..", "%2e%2e", ".", "x", "private", "%25"]
)


@given(st.lists(PIECES, max_size=10).map(lambda pieces: "/" + "".join(pieces)))
@example("/;%2fx/private")
@example("/;%252fx/private")
@example("/x/..;/private%2f")
@example("/x/..%3b/%252e%252e/private")
def test_h07_each_order_of_what_an_application_does_is_judged(path: str) -> None:
    try:
        judged = {each.path for each in paths.readings(path) if each.form is Form.EXACT}
    except InvalidRequest:  # then nobody comes in
        return
    for order in ORDERS:
        assert _done(path, order) in judged, [step.__name__ for step in order]


def _done(path: str, order: tuple[Callable[[str], str], ...]) -> str:
    for step in order:
        path = step(path)
    return path


def test_a_path_has_so_many_readings_at_most() -> None:
    """Each is held against each rule: whoever makes more of them is refused."""
    assert len(paths.readings("/a;b//c%2fd/..%3fe%23f.g")) > 40
    for path in ("/;/%3b/%253b//../%5c%3f%23" * 3, "/;%3b/%253b//../%5c%3f%23" + "x" * 7000):
        with pytest.raises(InvalidRequest):
            paths.readings(path)


@pytest.mark.parametrize(
    ("path", "number"),
    [("/reports/2026", 3), ("/static/app.min.js", 3), ("/Reports/Q%26A%3B%2050%25%3F.pdf", 40)],
)
def test_a_usual_path_has_few(path: str, number: int) -> None:
    assert len(paths.readings(path)) <= number


@pytest.mark.parametrize("marks", [30, 31])
def test_marks_on_a_letter_are_few(marks: int) -> None:
    """UAX 15, 13: to put them in order takes the square of their number."""
    path = "/e" + ("%CC%81%CC%A3" * marks)[: 6 * marks]
    if marks <= 30:
        assert paths.readings(path)
    else:
        with pytest.raises(InvalidRequest):
            paths.readings(path)
