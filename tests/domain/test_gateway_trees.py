"""What a request does to all that lies below its path (docs/gateway.md 2; RFC 4918, 9).

Attack H07 (docs/threats.md).
"""

from __future__ import annotations

import pytest

from portal.gateway.decision import Allow, Decision, Forbidden, Unauthorized, Who
from portal.gateway.rules import NOBODY, PUBLIC, Rule, Rules
from tests.domain.test_gateway_decision import ALICE, HOST, NOBODY_THERE, PUPIL, ask

TREES = Rules(
    [
        Rule("closed", HOST, "/internal", access=NOBODY),
        Rule("desk", HOST, "/town/desk", groups=frozenset({"Caseworkers"})),
        Rule("share", HOST, "/town/share", access=PUBLIC),
        Rule("kept", HOST, "/kept/a", frozenset({"DELETE"}), access=NOBODY),
        Rule("loose", HOST, "/loose/a"),
        Rule("hides", HOST, "/loose/a", access=NOBODY),
        Rule("own", HOST, "/own"),
        Rule("never", HOST, "/own/a", access=NOBODY),
        Rule("rest", HOST, access=PUBLIC),
    ]
)
EVERYTHING = {"depth": "infinity"}
LISTED = {"depth": "1"}
ITSELF = {"depth": "0"}


def does(who: Who, method: str, path: str, **headers: str) -> Decision:
    return ask(who, method, path, rules=TREES, **headers)


@pytest.mark.parametrize("method", ["COPY", "MOVE", "DELETE", "PROPFIND", "LOCK", "REPORT"])
@pytest.mark.parametrize("depth", [{}, EVERYTHING, {"depth": "0, infinity"}, {"depth": "x"}])
@pytest.mark.parametrize("path", ["/", "//", "/x/..", "/x%2f..", "/INTERNAL/..", "/%2e"])
def test_a_closed_folder_is_reached_by_no_folder_above(
    method: str, depth: dict[str, str], path: str
) -> None:
    for who in (ALICE, NOBODY_THERE):
        found = does(who, method, path, **depth)
        assert isinstance(found, Forbidden)
        assert found.why == "nobody"
        assert "closed" in {rule.slug for rule in found.rules}


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_what_stands_at_the_destination_is_deleted_whole(method: str) -> None:
    """RFC 4918, 9.8.4 and 9.9.3."""
    for who, there, kind in (
        (ALICE, "/", Forbidden),
        (PUPIL, "/town", Forbidden),
        (NOBODY_THERE, "/town", Unauthorized),
        (ALICE, "/town", Allow),
        (NOBODY_THERE, "/town/new", Allow),
    ):
        found = does(who, method, "/x", destination=f"https://{HOST}{there}", **ITSELF)
        assert isinstance(found, kind), there


@pytest.mark.parametrize("method", ["DELETE", "MOVE", "REPORT"])
def test_no_depth_spares_what_the_method_reaches_anyway(method: str) -> None:
    """RFC 4918, 9.6.1 and 9.9.2; RFC 6578, 3.3: the body of a REPORT says how far it goes."""
    assert isinstance(does(ALICE, method, "/", **ITSELF), Forbidden)


def test_a_rule_below_refuses_whom_it_does_not_let_in_and_nobody_else() -> None:
    for method in ("COPY", "MOVE", "DELETE", "PROPFIND", "LOCK"):
        assert isinstance(does(ALICE, method, "/town"), Allow)
        assert isinstance(does(PUPIL, method, "/town"), Forbidden)
        assert isinstance(does(NOBODY_THERE, method, "/town"), Unauthorized)
        assert isinstance(does(NOBODY_THERE, method, "/town/share"), Allow)
        assert isinstance(does(NOBODY_THERE, method, "/towns"), Allow)
    assert isinstance(does(NOBODY_THERE, "POST", "/town", x_http_method="DELETE"), Unauthorized)


def test_a_file_beside_a_folder_is_another_file() -> None:
    """docs/gateway.md 4. Windows knows a name without dots and blanks at its end."""
    for method in ("COPY", "MOVE", "LOCK", "PROPFIND"):
        there = {"destination": f"https://{HOST}/new.docx"}
        for path in ("/town.docx", "/TOWN.2026.docx", "/x/town.docx"):
            assert isinstance(does(PUPIL, method, path, **there), Allow), (method, path)
        for path in ("/town.", "/TOWN%20", "/town.%20./", "/.../", "/town.d%2f..%2ftown"):
            assert isinstance(does(PUPIL, method, path, **there), Forbidden), (method, path)
    there = {"destination": f"https://{HOST}/town."}
    assert isinstance(does(PUPIL, "MOVE", "/x", **there), Forbidden)


@pytest.mark.parametrize("method", ["DELETE", "MOVE", "LOCK"])
@pytest.mark.parametrize("path", ["/town;x", "/town;v2.docx", "/town%3Bx", "/%23draft", "/%3Fx"])
def test_what_an_application_cuts_off_hides_no_folder(method: str, path: str) -> None:
    """Tomcat takes `/town;x` for `/town`; who gets a path that was opened takes `/?x` for `/`."""
    found = does(PUPIL, method, path, destination=f"https://{HOST}/new.docx")
    assert isinstance(found, Forbidden)


def test_who_ignores_endings_deletes_a_folder_by_one() -> None:
    assert isinstance(does(PUPIL, "DELETE", "/town.json"), Forbidden)
    assert isinstance(does(PUPIL, "POST", "/town.json", x_http_method="DELETE"), Forbidden)


def test_what_touches_nothing_below_is_judged_by_its_own_path() -> None:
    for method in ("GET", "PUT", "POST", "MKCOL", "PROPPATCH", "OPTIONS", "UNLOCK"):
        assert isinstance(does(NOBODY_THERE, method, "/"), Allow), method
    for method, depth in (("PROPFIND", ITSELF), ("PROPFIND", LISTED), ("LOCK", ITSELF)):
        assert isinstance(does(NOBODY_THERE, method, "/", **depth), Allow), method
    assert isinstance(does(NOBODY_THERE, "LOCK", "/", **LISTED), Forbidden), "no depth of a lock"


def test_only_the_rule_that_decides_below_counts() -> None:
    """A rule of another method, and one that is never asked, refuse nothing."""
    assert isinstance(does(NOBODY_THERE, "DELETE", "/kept"), Forbidden)
    assert isinstance(does(NOBODY_THERE, "PROPFIND", "/kept"), Allow)
    assert isinstance(does(ALICE, "DELETE", "/loose"), Allow)
    assert isinstance(does(NOBODY_THERE, "DELETE", "/loose"), Unauthorized)
    assert isinstance(does(ALICE, "DELETE", "/own"), Allow)


def test_who_asks_is_said_by_the_rule_of_the_path_and_kept_by_all() -> None:
    rules = Rules(
        [
            Rule("below", HOST, "/a/b", proof=600, pass_token=True, by_username=True),
            Rule("path", HOST, "/a"),
        ]
    )
    found = ask(ALICE, "DELETE", "/a", rules=rules)
    assert isinstance(found, Allow)
    assert (found.headers["Remote-User"], found.pass_token) == ("u1", False)
    assert [rule.slug for rule in found.rules] == ["path", "below"]
