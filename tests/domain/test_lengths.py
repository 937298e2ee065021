"""What a stranger's header costs grows as its length does, no faster (attack I05). The patterns are
read in tests/architecture/test_regexes.py.
"""

from __future__ import annotations

import sys
from http import cookies
from types import FrameType
from typing import Any

import pytest
from django.http import parse_cookie
from hypothesis import given
from hypothesis import strategies as st

from accounts.upstream import cookie_header
from portal.gateway import who
from portal.server import unquoting
from portal.server.proxies import TrustedProxies


def test_the_gateway_unquotes_no_cookie() -> None:
    """CVE-2024-7592: Python did it by two searches through the rest for each escape."""
    seen: list[str] = []

    def note(frame: FrameType, event: str, _arg: Any) -> None:
        if event == "call" and frame.f_code is cookies._unquote.__code__:  # type: ignore[attr-defined]
            seen.append(frame.f_code.co_name)

    sys.setprofile(note)
    try:
        assert who.shown({"cookie": 'x="' + "\\a" * 50 + '"; vestibule=y'})[0] == "y"
    finally:
        sys.setprofile(None)
    assert not seen


@pytest.mark.parametrize(
    "header",
    [
        "",
        "a=1",
        "a=1; b=2",
        "a=1;b=2;a=3",
        " a = 1 ; b=",
        "a=b=c",
        "vestibule",
        "a=1; a",
        "=x; a=1",
    ],
)
def test_it_takes_the_same_cookie_as_the_site(header: str) -> None:
    wanted = parse_cookie(header)
    found = cookie_header.latest(header)
    assert {name: found.get(name) for name in ("a", "b", "vestibule")} == {
        name: wanted.get(name) for name in ("a", "b", "vestibule")
    }


def test_many_lines_of_a_header_are_one() -> None:
    lines = [("x", str(number)) for number in range(5000)] + [("cookie", "a=1"), ("cookie", "b=2")]
    found = TrustedProxies([]).caller("203.0.113.9", "https", lines).headers
    assert found["x"].split(",") == [str(number) for number in range(5000)]
    assert found["cookie"] == "a=1; b=2"


@given(st.text('\\"0127a;\n\u00e9', max_size=20))
def test_a_quoted_cookie_is_read_as_python_reads_it(text: str) -> None:
    for value in (text, f'"{text}"'):
        assert unquoting.unquoted(value) == cookies._unquote(value)  # type: ignore[attr-defined]


def test_the_server_reads_a_quoted_cookie_at_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cookies, "_unquote", cookies._unquote)  # type: ignore[attr-defined]
    unquoting.mend()
    searches: list[str] = []

    def note(_frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and called.__name__ == "search":
            searches.append(event)

    sys.setprofile(note)
    try:
        assert parse_cookie('a="' + "\\b" * 50 + '"') == {"a": "b" * 50}
    finally:
        sys.setprofile(None)
    assert not searches
