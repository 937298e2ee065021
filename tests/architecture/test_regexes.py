"""No pattern takes the square of a text's length: what strangers send is read in the event loop.

Attack I05 (docs/threats.md).
"""

from __future__ import annotations

import pytest

from tests.architecture.regexes import Pattern, patterns, trouble
from tests.architecture.tree import FLOORS, code


def test_i09_no_pattern_takes_the_square_of_a_length() -> None:
    modules = [path for path in code() if path.parts[0] in FLOORS]
    found = [each for path in modules for each in patterns(path)]
    assert len(found) > 50
    slow = {f"{each.where} {each.text}": said for each in found if (said := trouble(each))}
    assert not slow


@pytest.mark.parametrize(
    ("text", "scans", "is_slow"),
    [
        (r"(?<=[^/.])\.[^/]*|\s+(?=/|\Z)", True, True),
        (r"(?<!\s)\s+(?=/|\Z)", True, False),
        (r"\A\s+x", True, False),
        (r"//+", True, False),
        (r",\s*(?=/)", True, False),
        (r"a[^x]*x", True, True),
        (r"(?:/[a-z]+)*/?\Z", False, False),
        (r"(?:[a-z]+)*\Z", True, True),
        (r"-\w*\d+x", True, True),
        (r"[?#].*", True, False),
        (r"x(?: \w+)*y", False, False),
    ],
)
def test_which_patterns_do(text: str, scans: bool, is_slow: bool) -> None:
    assert bool(trouble(Pattern("here", text, 0, scans))) is is_slow
