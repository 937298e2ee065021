"""What the front keeps, how long, and how much of it (portal/server/kept.py)."""

from __future__ import annotations

import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts import ended
from accounts.models import EndedEntry
from portal.server.kept import KEEP, Keep, Kept
from portal.server.short_ways import Answer

ANSWER = Answer(200, [("ETag", '"x"'), ("Cache-Control", "no-store")], b"{}")
MARK = ("session", "uid-of-alice")


def scope(path: str = "/auth/session", method: str = "GET", **more: Any) -> Any:
    headers = more.pop("headers", {"cookie": "vestibule=a"})
    given = {"client": "127.0.0.1:5000", "scheme": "http", "http_version": "1.1", **more}
    known = {"authority": None, "query_string": "", **given}
    return SimpleNamespace(path=path, method=method, headers=headers, **known)


def keep(seconds: float = 60, *marks: tuple[str, str]) -> dict[str, Any]:
    return {KEEP: Keep(time.time() + seconds, frozenset(marks or {MARK}))}


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    monkeypatch.setattr(ended, "FRESH_SECONDS", 60.0)  # half a one is soon over
    return Kept("/auth/session", most=100_000, feeds=ended)


@pytest.mark.django_db(transaction=True)
def test_an_answer_is_given_in_the_loop_once_the_feed_is_fresh(kept: Kept) -> None:
    key = kept.key(scope())
    assert key
    kept.learn(key, keep(), ANSWER, kept.moment())
    assert kept.at_once(key) is ANSWER
    ended._feed.expire()
    assert kept.at_once(key) is None, "which would need a query"
    assert kept.find(key) is ANSWER
    assert kept.at_once(key) is ANSWER


@pytest.mark.django_db(transaction=True)
def test_what_changed_before_it_was_made_does_not_end_it(kept: Kept) -> None:
    person = ("person", "uid-of-alice")
    key = kept.key(scope()) or b""
    for _ in range(2):
        ended.announce(*person[:1], [person[1]])
        kept.learn(key, keep(60, person), ANSWER, kept.moment())
        assert kept.find(key) is ANSWER
        ended.announce(*person[:1], [person[1]])
        assert kept.find(key) is None, "once more as well"
    ended.announce(MARK[0], [MARK[1]])
    kept.learn(key, keep(), ANSWER, kept.moment())
    assert kept.find(key) is None, "a session that ended never counts again"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("entry", [MARK, ("source", "town"), ("rule", "files")])
def test_it_ends_with_the_session_and_with_any_source_or_rule(
    kept: Kept, entry: tuple[str, str]
) -> None:
    key = kept.key(scope()) or b""
    kept.learn(key, keep(), ANSWER, kept.moment())
    ended.announce("session", ["another"])
    assert kept.find(key) is ANSWER
    ended.announce(entry[0], [entry[1]])
    assert kept.find(key) is None
    assert kept.entries.size == 0


@pytest.mark.django_db(transaction=True)
def test_what_another_process_ends_is_refused_within_half_a_second(kept: Kept) -> None:
    key = kept.key(scope()) or b""
    kept.learn(key, keep(), ANSWER, kept.moment())
    EndedEntry.objects.create(kind=MARK[0], value=MARK[1])
    ended._feed._read_at -= ended.FRESH_SECONDS
    assert kept.at_once(key) is None
    assert kept.find(key) is None


@pytest.mark.django_db(transaction=True)
def test_what_was_made_before_a_change_is_not_kept_after_it(kept: Kept) -> None:
    key = kept.key(scope()) or b""
    before = kept.moment()
    ended.announce("source", ["town"])
    kept.learn(key, keep(), ANSWER, before)
    assert kept.find(key) is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("environ", "answer"),
    [
        ({}, ANSWER),
        (keep(-1), ANSWER),
        (keep(), ANSWER._replace(status=503)),
        (keep(), ANSWER._replace(headers=[("Set-Cookie", "a=b")])),
        (keep(), ANSWER._replace(headers=[("set-cookie", "a=b")])),
    ],
)
def test_what_is_not_kept(kept: Kept, environ: dict[str, Any], answer: Answer) -> None:
    key = kept.key(scope()) or b""
    kept.learn(key, environ, answer, kept.moment())
    assert kept.find(key) is None


OTHERS = [
    {"client": "127.0.0.2:5000"},
    {"scheme": "https"},
    {"http_version": "2"},
    {"authority": "localhost"},
    {"query_string": "x=1"},
    *({"headers": {"cookie": "vestibule=a", name: "x"}} for name in (
        "host", "origin", "accept-language", "authorization", "if-none-match", "x-forwarded-proto",
        "x_y", "accept",
    )),
    {"headers": {"cookie": "vestibule=b"}},
    {"headers": {}},
]  # fmt: skip


@pytest.mark.parametrize("other", OTHERS)
def test_whatever_a_request_says_makes_it_another(kept: Kept, other: dict[str, Any]) -> None:
    assert kept.key(scope()) != kept.key(scope(**other))


class Lines(dict[str, str]):
    """Headers as granian gives them, with one whose value it leaves out."""

    def items(self) -> Any:
        return [line for line in super().items() if line[1].isascii()]


def test_what_cannot_be_read_makes_it_another(kept: Kept) -> None:
    """Its name is all that the front is told of it."""
    known = {"cookie": "vestibule=a"}
    others = [{"destination": "\xff"}, {"destination": "\xff", "x": "\xff"}, {"x": "\xff"}]
    keys = {kept.key(scope(headers=Lines(known | other))) for other in ({}, {"x": ""}, *others)}
    assert len(keys) == 5
    assert kept.key(scope(headers=Lines(known, referer="\xff"))) == kept.key(scope())


def test_what_has_no_say_makes_it_no_other(kept: Kept) -> None:
    headers = {"cookie": "vestibule=a", "referer": "/x", "x-request-id": "1"}
    assert kept.key(scope()) == kept.key(scope(headers=headers, client="127.0.0.1:6000"))


@pytest.mark.parametrize(
    "other",
    [
        {"method": "POST"}, {"method": "HEAD"}, {"path": "/auth/session/"}, {"path": "/"},
        {"path": "/auth/session\n"}, {"headers": {"content-length": "1"}},
        {"headers": {"transfer-encoding": "chunked"}},
    ],
)  # fmt: skip
def test_what_is_never_kept(kept: Kept, other: dict[str, Any]) -> None:
    assert kept.key(scope(**other)) is None


TEXT = st.text(st.characters(exclude_characters="\n", codec="latin-1"), max_size=8)
PAIRS = st.dictionaries(TEXT, TEXT, max_size=3)


@given(PAIRS, PAIRS, st.text(max_size=8), st.text(max_size=8))
def test_no_two_requests_have_one_key(
    one: dict[str, str], other: dict[str, str], path: str, another: str
) -> None:
    kept = Kept("(?s:.*)", most=1, feeds=ended)
    keys = {kept.key(scope(path, headers=one)), kept.key(scope(another, headers=other))}
    plain = [
        {name: value for name, value in each.items() if name != "referer"} for each in (one, other)
    ]
    same = path == another and list(plain[0].items()) == list(plain[1].items())
    assert (len(keys) == 1) == same


@pytest.mark.django_db(transaction=True)
@given(st.lists(st.integers(0, 5000), min_size=1, max_size=40))
def test_it_never_holds_more_bytes_than_it_may(sizes: list[int]) -> None:
    kept = Kept("/auth/session", most=20_000, feeds=ended)
    for number, size in enumerate(sizes):
        key = number.to_bytes(32, "big")
        kept.learn(key, keep(), Answer(200, [("ETag", "x" * 20)], b"x" * size), (0, 0.0))
        held = kept.entries._entries.values()
        bodies = sum(sys.getsizeof(each.value.answer.body) for each in held)
        assert bodies < kept.entries.size <= 20_000
        assert kept.entries.size == sum(each.size for each in held)
    assert key in kept.entries, "the newest is there"


def test_what_is_over_goes_first() -> None:
    kept = Kept("/auth/session", most=20_000, feeds=ended)
    kept.learn(b"a" * 32, keep(0.01), ANSWER, (0, 0.0))
    time.sleep(0.02)
    kept.learn(b"b" * 32, keep(), ANSWER, (0, 0.0))
    assert list(kept.entries._entries) == [b"b" * 32]
