"""Which cookie is the CMS's: W25, and the two forms of Drupal's names (docs/threats.md 2.3)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count, islice
from threading import Thread
from typing import Any

import pytest
from django.test import Client

from accounts.errors import InvalidGrant, TemporarilyUnavailable
from accounts.login import lockout
from accounts.login.flow import new_flow
from accounts.models import Event
from accounts.provider import End, Keep
from accounts.session.typed import Session
from accounts.upstream import cookie_header
from accounts.upstream.cookie_header import RawCookies
from providers.adgangsplatformen.cookies import TRIED, candidates, patterns
from providers.adgangsplatformen.settings import CmsSettings
from tests.http.cms.conftest import CALLBACK, SLUG, Make, Provide, Visitor, failure, held
from tests.http.oidc.conftest import parallel
from tests.peers.certificates import make_certificates
from tests.peers.cms import Cms, Patron, cms

pytestmark = pytest.mark.wire

FLOW = new_flow(SLUG, "http://localhost:8000/auth/callback/library", "", datetime.now(UTC))
HTTP, HTTPS = CmsSettings(cms_url="http://cms.example"), CmsSettings(cms_url="https://cms.example")
NAME = "SESSccaeb066c444b6dbb954590b1a54d7c4"


@pytest.mark.parametrize(
    ("settings", "name", "taken"),
    [
        (HTTP, NAME, True), (HTTP, "S" + NAME, False), (HTTP, "SESS", True),
        (HTTPS, "S" + NAME, True), (HTTPS, NAME, False), (HTTPS, "SSESS", True),
        (HTTP, "vestibule", False), (HTTPS, "vestibule", False), (HTTP, "XSESS", False),
    ],
)  # fmt: skip
def test_the_scheme_decides_which_names_are_drupals(
    settings: CmsSettings, name: str, taken: bool
) -> None:
    sent = {name: "value", "csrftoken": "x"}
    assert bool(candidates(settings, sent)) is taken
    assert bool(cookie_header.permitted(sent, patterns(settings))) is taken


def test_an_exact_name_takes_no_other() -> None:
    settings = CmsSettings(cms_url="https://cms.example", cookie_name="library")
    found = candidates(settings, {"library": "a", "SSESS": "b", "library2": "c"})
    assert [each.header for each in found] == [b"library=a"]


def test_the_likeliest_name_comes_first_and_strangers_cannot_send_many() -> None:
    sent = {f"SESS-{number}": "x" for number in range(50)} | {NAME: "mine"}
    found = candidates(HTTP, sent)
    assert found[0].header == f"{NAME}=mine".encode()
    assert len(found) == TRIED


@pytest.mark.parametrize(
    "value", ["", "a\r\nX: y", "a;b", "a\x00b", "x" * 5000, "snow ☃"], ids=range(6)
)
def test_what_is_no_cookie_is_not_sent(value: str) -> None:
    assert not candidates(HTTP, {NAME: value})


@pytest.mark.parametrize("value", ["a%2Cb", "a,b", '"quoted"', "a b", "æ", "a=b=="])
def test_the_bytes_are_those_that_came(value: str) -> None:
    (found,) = candidates(HTTP, {NAME: value.encode().decode("latin-1")})
    assert found.header == f"{NAME}=".encode() + value.encode()


def test_name_and_value_both_make_the_digest() -> None:
    digests = {
        candidates(HTTP, {name: value})[0].digest for name in (NAME, "SESS") for value in ("a", "b")
    }
    assert len(digests) == 4
    assert not any(digest == "a" for digest in digests)


def test_a_percent_encoded_value_goes_back_as_it_came(visitor: Visitor) -> None:
    assert visitor.enter()["Location"] == "/account/"
    assert "%2C" in next(iter(visitor.at_cms.cookies.values()))


def test_w25_of_two_cookies_each_is_tried(provide: Provide, patron: Patron, library: Cms) -> None:
    patron.sign_in()
    two = {NAME: "old", **patron.cookies}
    assert provide().complete_login(FLOW, {}, two).name == "Rikke Læser"
    assert library.calls["graphql:dplTokens"] == 2


def test_w25_a_stranger_beside_the_right_one_does_not_end_the_session(
    provide: Provide, patron: Patron
) -> None:
    patron.sign_in()
    provider = provide()
    session = held(provider.recognise(patron.cookies))
    verdict = provider.revalidate(session, None, {NAME: "old", **patron.cookies})
    assert not isinstance(verdict, End)


@pytest.mark.parametrize("alive", [False, True])
def test_w25_three_before_it_do_not_cut_the_bound_one_off(
    provide: Provide, patron: Patron, library: Cms, alive: bool
) -> None:
    patron.sign_in()
    provider, planted = provide(), {f"SESS{number:032x}": "invented" for number in range(3)}
    if alive:
        stranger = Patron(library)
        stranger.sign_in("lars")
        ((name, value),) = stranger.cookies.items()
        planted = {name: value, f"{NAME[:-1]}0": "invented", f"{NAME[:-1]}1": "invented"}
    ((own, mine),) = patron.cookies.items()
    sent = RawCookies([*planted.items(), (own, mine)])
    session = held(provider.recognise(patron.cookies))
    assert candidates(provider.settings, sent, session.bound_to)[0].digest == session.bound_to
    assert isinstance(provider.revalidate(session, None, sent), Keep)
    library.trouble()
    assert provider.plan_logout(session, None, sent, "/").visit
    assert library.calls["graphql:dplTokens"] == 1, "the bound one is asked about first"


def test_an_exact_name_signs_in(provide: Provide, patron: Patron) -> None:
    patron.sign_in()
    provider = provide(cookie_name=next(iter(patron.cookies)))
    assert provider.complete_login(FLOW, {}, patron.cookies).name == "Rikke Læser"


def test_an_exact_name_of_another_cookie_signs_nobody_in(
    provide: Provide, patron: Patron, library: Cms
) -> None:
    patron.sign_in()
    library.trouble()
    with pytest.raises(InvalidGrant):
        provide(cookie_name="another").complete_login(FLOW, {}, patron.cookies)
    assert not library.calls


@pytest.mark.parametrize("cookies", [{}, {"csrftoken": "x"}, {NAME: "a;b"}])
def test_strangers_cost_no_call(provide: Provide, library: Cms, cookies: dict[str, str]) -> None:
    assert provide().recognise(cookies) is None
    assert not library.calls


@pytest.mark.remembers
def test_w16_a_strangers_cookie_costs_one_call(provide: Provide, library: Cms) -> None:
    provider = provide()
    for _ in range(4):
        assert provider.recognise({NAME: "unknown"}) is None
    assert library.calls["graphql:dplTokens"] == 1


def test_a_stranger_who_signs_in_is_known_at_once(provide: Provide, patron: Patron) -> None:
    provider = provide()
    assert provider.recognise({NAME: "unknown"}) is None
    patron.sign_in()
    assert provider.recognise(patron.cookies)


# --- Over https -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cms]:
    folder = tmp_path_factory.mktemp("cms-ca")
    with cms(certificates=make_certificates(folder, ("localhost",))) as running:
        yield running


@pytest.fixture
def over_tls(secure: Cms, settings: Any) -> Cms:
    settings.VESTIBULE_HTTP_CA = str(secure.certificates.authority) if secure.certificates else ""
    settings.VESTIBULE_HTTP_PLAIN = False
    return secure


def test_over_https_the_name_begins_with_two_s(over_tls: Cms, provide: Provide) -> None:
    patron = Patron(over_tls)
    patron.sign_in()
    provider = provide(**over_tls.settings())
    assert next(iter(patron.cookies)).startswith("SSESS")
    assert provider.complete_login(FLOW, {}, patron.cookies).name == "Rikke Læser"


def test_a_cms_whose_certificate_is_not_trusted_is_not_asked(
    over_tls: Cms, provide: Provide, settings: Any
) -> None:
    patron = Patron(over_tls)
    patron.sign_in()
    settings.VESTIBULE_HTTP_CA = ""
    with pytest.raises(TemporarilyUnavailable):
        provide(**over_tls.settings()).complete_login(FLOW, {}, patron.cookies)


def test_of_two_cookies_of_one_name_the_living_one_counts(visitor: Visitor) -> None:
    visitor.at_cms.sign_in("rikke", "/login?current-path=/")
    ((name, value),) = visitor.at_cms.cookies.items()
    both = f"{name}=dead-on-a-narrower-path; {name}={value}"  # as a browser sends them
    entered = visitor.site.get("/account/", headers={"Cookie": both}, follow=False)
    assert entered["Location"].startswith("/login")
    signed_in = visitor.site.get(entered["Location"], headers={"Cookie": both})
    assert (signed_in.status_code, signed_in["Location"]) == (303, "/account/")
    session = f"vestibule={visitor.site.cookies['vestibule'].value}"
    told = visitor.site.get("/auth/session", headers={"Cookie": f"{session}; {both}"})
    assert told.json()["type"] == "adgangsplatformen"


def two_of_one_name(visitor: Visitor, first: str, second: str) -> str:
    """Sign two people in at the CMS. Returns their cookies, as of two paths."""
    at_cms = [Patron(visitor.at_cms.library) for _ in range(2)]
    for patron, person in zip(at_cms, (first, second), strict=True):
        patron.sign_in(person, "/login?current-path=/")
    return "; ".join(f"{n}={v}" for each in at_cms for n, v in each.cookies.items())


@pytest.mark.parametrize("way", ["recognised", "by-a-click"])
def test_whom_the_library_does_not_know_hides_no_patron_of_one_name(
    visitor: Visitor, source: Make, way: str
) -> None:
    source(registered_only=True)
    both = two_of_one_name(visitor, "nils", "rikke")
    assert _comes_in(visitor, both, way) == "Rikke Læser"


@pytest.mark.parametrize("way", ["recognised", "by-a-click"])
def test_whom_we_refuse_hides_no_patron_of_one_name(
    visitor: Visitor, source: Make, way: str
) -> None:
    assert Visitor(visitor.at_cms.library).enter("rikke")["Location"] == "/account/"
    source(columns={"enroll": False})
    both = two_of_one_name(visitor, "lars", "rikke")
    assert _comes_in(visitor, both, way) == "Rikke Læser"


def test_where_each_is_refused_the_first_refusal_is_told_once(
    visitor: Visitor, source: Make
) -> None:
    source(columns={"enroll": False})
    both = two_of_one_name(visitor, "lars", "rikke")
    refused = visitor.site.get("/auth/login/library", headers={"Cookie": both})
    assert failure(refused).reason == "not-registered"
    assert Event.objects.count() == 1


def _comes_in(visitor: Visitor, cookies: str, way: str) -> str:
    """Bring these cookies, by a link or by a click of one's own. Returns who is signed in."""
    path, sent = "/auth/login/library", cookies
    if way == "by-a-click":
        visitor.site.get(path)
        own = [f"{n}={m.value}" for n, m in visitor.site.cookies.items() if m.value]
        path, sent = CALLBACK, "; ".join([*own, cookies])
    entered = visitor.site.get(path, headers={"Cookie": sent})
    assert (entered.status_code, entered["Location"]) == (303, "/account/")
    session = f"vestibule={visitor.site.cookies['vestibule'].value}"
    told = visitor.site.get("/auth/session", headers={"Cookie": f"{session}; {cookies}"})
    return str(told.json()["user"]["name"])


def header(visitor: Visitor, **cookies: str) -> dict[str, str]:
    """Return a request's cookies: those of the site, and what stands beside them at its path."""
    own = {name: morsel.value for name, morsel in visitor.site.cookies.items() if morsel.value}
    sent = [f"{name}={value}" for name, value in {**own, **cookies}.items()]
    return {"Cookie": "; ".join(sent)}


def test_a_foreign_cookie_at_auth_recognises_nobody_without_a_word(visitor: Visitor) -> None:
    stranger = Patron(visitor.at_cms.library)
    stranger.sign_in("lars", "/login?current-path=/")
    planted = header(visitor, **stranger.cookies)  # by a neighbour, for the path /auth only
    entered = visitor.site.get("/auth/login/library", headers=planted)
    assert entered["Location"] == "/account/"
    page = visitor.site.get("/account/", headers=header(visitor, **stranger.cookies))
    assert "Is the name above not yours?" in page.content.decode()
    assert "Lars Låner" in page.content.decode()
    assert "not yours" not in visitor.site.get("/account/").content.decode()  # said once


def test_an_answer_that_nobody_asked_for_is_told_as_well(visitor: Visitor) -> None:
    visitor.at_cms.sign_in("rikke", "/login?current-path=/")
    assert visitor.get(CALLBACK)["Location"] == "/account/"
    assert "Is the name above not yours?" in visitor.get("/account/").content.decode()


def test_who_signs_in_by_their_own_click_is_told_nothing(visitor: Visitor) -> None:
    visitor.enter()
    assert "not yours" not in visitor.get("/account/").content.decode()


def test_a_foreign_cookie_at_auth_ends_nobody_without_a_word(visitor: Visitor) -> None:
    visitor.enter()
    stranger = Patron(visitor.at_cms.library)
    stranger.sign_in("lars", "/login?current-path=/")
    beside = "; ".join(
        f"{n}={v}" for n, v in (*stranger.cookies.items(), *visitor.at_cms.cookies.items())
    )
    session = f"vestibule={visitor.site.cookies['vestibule'].value}"
    told = visitor.site.get("/auth/session", headers={"Cookie": f"{session}; {beside}"})
    assert told.json()["type"] == "adgangsplatformen"  # the bound one counts beside it
    alone = visitor.site.get("/auth/session", headers=header(visitor, **stranger.cookies))
    assert alone.json()["type"] == "anonymous"
    page = visitor.site.get("/login?choose=1").content.decode()
    assert "you are no longer signed in there: Library" in page


def test_of_one_name_no_more_are_tried_than_a_browser_could_hold() -> None:
    many = "; ".join(f"{NAME}=value-{number}" for number in range(50))
    assert len(candidates(HTTP, cookie_header.parse(many))) == TRIED


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "path", ["/login", "/auth/callback/adgangsplatformen", "/auth/login/library?other=1"]
)
@pytest.mark.parametrize("at_once", [False, True])
def test_a_stranger_has_so_many_calls_however_many_cookies_they_bring(
    source: Make, library: Cms, path: str, at_once: bool
) -> None:
    source()

    def ask(number: int) -> int:
        invented = "; ".join(f"SESS{number:030x}{n:02x}=invented-{number}-{n}" for n in range(3))
        return int(Client().get(path, headers={"Cookie": invented}).status_code)

    numbers = count()
    if at_once:
        parallel(30, lambda: ask(next(numbers)))
    statuses = {ask(number) for number in islice(numbers, 30)}
    assert 0 < library.calls["graphql:dplTokens"] <= lockout.STRANGER.amount
    assert statuses <= {200, 302, 303, 429}


class _HalfAnswering(BaseHTTPRequestHandler):
    """A CMS that answers two questions of three that nobody is signed in, and drops the third."""

    answered = 0
    asked = count(1)
    told: tuple[int, Any] = (403, {})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.close_connection = next(self.asked) % 3 == 0
        if not self.close_connection:
            type(self).answered += 1
            self.tell(*self.told)

    def tell(self, status: int, told: Any) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


class _Refusing(_HalfAnswering):
    """The same, where somebody is signed in whose token the look-up refuses."""

    told = (200, {"data": {"dplTokens": {"adgangsplatformen": {
        "user": {"token": "a-token", "expire": {"timestamp": 4_000_000_000}}}}}})  # fmt: skip

    def do_GET(self) -> None:
        self.tell(401, {})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/login", "/auth/callback/adgangsplatformen"])
@pytest.mark.parametrize("kind", [_HalfAnswering, _Refusing])
def test_calls_that_were_answered_count_though_a_later_one_was_not(
    source: Make, path: str, kind: type[_HalfAnswering], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kind, "answered", 0)
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as upstream:
        Thread(target=upstream.serve_forever, args=(0.02,), daemon=True).start()
        here = f"http://localhost:{upstream.server_port}"
        source(cms_url=here, userinfo_url=f"{here}/userinfo", subject_key="k" * 32)
        for number in range(40):
            invented = "; ".join(f"SESS{number:030x}{n:02x}=invented" for n in range(3))
            Client().get(path, headers={"Cookie": invented})
        upstream.shutdown()
    assert 0 < kind.answered <= lockout.STRANGER.amount


def test_who_leaves_for_somebody_else_pays_for_what_was_answered(provide: Provide) -> None:
    class Fresh(_HalfAnswering):
        asked = count(1)

    invented = cookie_header.parse("; ".join(f"SESS{n:032x}=invented" for n in range(3)))
    with ThreadingHTTPServer(("127.0.0.1", 0), Fresh) as upstream:
        Thread(target=upstream.serve_forever, args=(0.02,), daemon=True).start()
        here = f"http://localhost:{upstream.server_port}"
        urls = {"cms_url": here, "graphql_user": None, "graphql_password": None}
        found = provide(**urls).plan_logout(
            Session(type="adgangsplatformen").ref(), None, invented, ""
        )
        upstream.shutdown()
    assert (found.unanswered is not None, found.answered) == (True, 2)
