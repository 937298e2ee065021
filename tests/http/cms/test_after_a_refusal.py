"""The CMS cannot be asked for somebody else: after a refusal its logout is visited first."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest

from portal.door import routes
from tests.http.cms.conftest import CALLBACK, Visitor, failure
from tests.http.conftest import stored, way_out
from tests.http.onward import onward
from tests.peers.cms import SITE, Cms

pytestmark = pytest.mark.django_db(transaction=True)


def test_its_patron_signs_out_there_first(source: Any, library: Cms) -> None:
    source(columns={"enroll": True})
    assert Visitor(library).enter("lars").status_code == 303
    source(columns={"enroll": False})
    visitor = Visitor(library)
    refused = visitor.enter("rikke", "/account/sessions")
    assert failure(refused).reason == "not-registered"
    assert visitor.get("/login").status_code == 200
    wished = {"next": "/account/sessions", "again": "1", "strength": "low", "shared": "1"}
    path = urlsplit(way_out(visitor.carry(), refused)).path
    started = visitor.get(path, **wished, other="1")
    assert started["Location"].startswith(f"{library.url}/logout")
    assert visitor.at_cms.get(started["Location"]).headers["Location"] == f"{SITE}/"
    back = onward(visitor.site, visitor.get("/"))
    assert back["Location"] == routes.login_path("library", **wished), "as it began"
    again = visitor.get(back["Location"])
    assert visitor.at_cms.sign_in("lars", again["Location"]) == SITE + CALLBACK
    assert visitor.get(CALLBACK)["Location"] == "/account/sessions"
    assert visitor.type == "adgangsplatformen"
    assert stored(visitor.site).shared


def test_on_mapstores_way_somebody_else_is_handed_over(source: Any, library: Cms) -> None:
    source(columns={"enroll": True})
    Visitor(library).enter("lars")
    source(columns={"enroll": False})
    visitor = Visitor(library)
    wished = {"next": "/account/sessions", "shared": "1"}
    begun = routes.login_path("library", routes.OPENID, **wished)
    visitor.at_cms.sign_in("rikke", visitor.get(begun)["Location"])
    other = way_out(visitor.carry(), visitor.get(CALLBACK))
    assert other == f"{begun}&other=1"
    visitor.at_cms.get(visitor.get(other)["Location"])
    back = onward(visitor.site, visitor.get("/"))["Location"]
    assert back == begun
    assert visitor.at_cms.sign_in("lars", visitor.get(back)["Location"]) == SITE + CALLBACK
    handed = visitor.get(visitor.get(CALLBACK)["Location"])
    assert handed["Location"] == "/account/sessions"
    assert handed.cookies["tokens_key"].value


def test_a_refused_patron_is_not_recognised_again_and_again(source: Any, library: Cms) -> None:
    source(columns={"enroll": False})
    visitor = Visitor(library)
    visitor.at_cms.sign_in("rikke")
    refused = visitor.get("/login", next="/account/")
    assert failure(refused).reason == "not-registered"
    once_more = visitor.get("/auth/login/library")
    assert once_more["Location"].startswith(f"{library.url}/logout")
