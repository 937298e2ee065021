"""docs/threats.md 2.8, the rows in which both of Go's ways meet: the library's CMS and Unilogin.

P is the library's own site, G ours.
"""

from __future__ import annotations

import pytest

from tests.http.cms.conftest import CALLBACK, Visitor, _library, library
from tests.http.cms.conftest import Make as MakeLibrary
from tests.http.cms.conftest import source as library_source
from tests.http.unilogin.conftest import Make, _standin, later, source, standin
from tests.http.unilogin.standin import Browser
from tests.peers.cms import Cms

__all__ = ["_library", "_standin", "library", "library_source", "source", "standin"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.wire]


@pytest.fixture
def visitor(library: Cms, library_source: MakeLibrary, source: Make) -> Visitor:
    """Give a browser with which a pupil is signed in on G by Unilogin, and nobody on P."""
    library_source()
    source()
    both = Visitor(library)
    Browser(both.site).enter("Ida")
    assert both.type == "unilogin"
    return both


def test_row_4_the_other_type_is_asked_about(visitor: Visitor) -> None:
    page = visitor.get("/auth/login/library")
    assert page.status_code == 200
    assert visitor.type == "unilogin"


def test_row_4_the_cms_never_ends_a_pupils_session(visitor: Visitor) -> None:
    visitor.at_cms.sign_in("rikke")
    assert visitor.get(CALLBACK)["Location"] == "/account/"
    assert visitor.type == "unilogin"


def test_row_5_both_persist(visitor: Visitor) -> None:
    visitor.at_cms.sign_in("rikke", "/login?current-path=/")
    assert visitor.get("/account/").status_code == 200
    assert visitor.type == "unilogin"
    assert "Rikke Læser" in visitor.at_cms.get("/").text


def test_row_6_when_unilogin_has_run_out_the_shared_session_takes_over(visitor: Visitor) -> None:
    visitor.at_cms.sign_in("rikke", "/login?current-path=/")
    with later(9 * 3600):
        visitor.at_cms.sign_in("rikke", "/login?current-path=/")
        assert visitor.session()["isLoggedIn"] is False
        asked = visitor.get("/account/")
        assert visitor.get(asked["Location"])["Location"] == "/account/"


def test_row_10_leaving_is_not_undone_by_a_live_session_on_p(visitor: Visitor) -> None:
    visitor.at_cms.sign_in("rikke", "/login?current-path=/")
    assert visitor.leave()["Location"] == "/"
    assert visitor.session()["isLoggedIn"] is False
    asked = visitor.get("/account/")
    assert visitor.get(asked["Location"]).status_code == 200
    assert visitor.session()["isLoggedIn"] is False
    assert "Rikke Læser" in visitor.at_cms.get("/").text
