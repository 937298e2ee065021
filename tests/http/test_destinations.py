"""Where `next` may lead: docs/threats.md, R13 to R16, R18, R19, R22 and R25."""

from __future__ import annotations

from typing import Any

import pytest

from portal.door.destinations import safe_destination
from tests.http.gateway.asking import rule

pytestmark = [pytest.mark.django_db, pytest.mark.wire]

STAYS = [
    "/",
    "/account/",
    "/a?b=c&d=%2F",
    "/%2f%2fevil.example",
    "/%5cevil",
    "/a//b",
    "/æ",
    "/a/../b",
    "/auth",
]
REFUSED = [
    "", "evil", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example",
    "/\\/evil.example", "\\/\\/evil.example", "https:\\\\evil.example", "%2f%2fevil.example",
    "%5c%5cevil", "%252f%252fevil", "/\t/evil.example", "//\t/evil.example", "/\n/evil", "/\r/evil",
    "/\x0b/evil", "/\x0c/evil", "/\x00/evil", "\x08//evil", "/\x85/evil", "/\u2028/evil",
    "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)", "java\tscript:alert(1)",
    "data:text/html,x", "https:evil.example", "https:/evil.example", "http:///evil.example",
    "https://front.example@evil.example/", "https://front.example.evil.example/",
    "https://front.example:443@evil.example/", "https://front.example:8443/",
    "http://front.example/", "https://evil.example/", "https://[evil", "/ok\r\nSet-Cookie: a=b",
    "/x/../auth/logout", "/x/./../auth/logout?a=b", "/x/%2e%2e/auth/logout", "/x/.%2E/login",
    "/./auth/logout", "/a/b/../../auth/logout#x", "/%61uth/logout", "/account/..//auth/logout",
    "/auth/logout", "/AUTH/logout", "/logout/", "/logout", "/login", "/i18n/setlang/",
    "/" + "a" * 100_000,
]  # fmt: skip


@pytest.fixture(autouse=True)
def _front(settings: Any) -> None:
    settings.VESTIBULE_FRONTEND_ORIGINS = ["https://front.example"]


@pytest.mark.parametrize("value", STAYS)
def test_local_paths_are_kept(value: str) -> None:
    assert safe_destination(value) == value


@pytest.mark.parametrize("value", REFUSED)
def test_everything_else_is_dropped(value: str) -> None:
    assert safe_destination(value) == ""


@pytest.mark.parametrize("more", ["?q=", "#", "?q=/../?"])
def test_a_long_address_loses_its_query(more: str) -> None:
    assert safe_destination("https://front.example/map" + more + "a" * 2000) == (
        "https://front.example/map"
    )
    assert safe_destination("https://evil.example/map" + more + "a" * 2000) == ""
    assert safe_destination("https://front.example/" + "a" * 2000) == ""


@pytest.mark.parametrize("value", ["https://front.example", "https://front.example/a?b=c#d"])
def test_the_exact_origin_of_a_front_end_is_kept(value: str) -> None:
    assert safe_destination(value) == value


@pytest.mark.once
@pytest.mark.parametrize("port", [("", ":443"), (":443", ""), ("", "")])
def test_the_site_is_itself_by_whichever_port_it_is_written(
    port: tuple[str, str], settings: Any
) -> None:
    settings.VESTIBULE_SITE_URL = f"https://front.example{port[0]}"
    settings.VESTIBULE_FRONTEND_ORIGINS = [own := f"https://front.example{port[1]}"]
    assert safe_destination(f"{own}/account/") == f"{own}/account/"
    assert safe_destination(f"{own}/auth/logout") == ""


def test_the_host_of_an_application_behind_the_gateway_is_kept() -> None:
    rule("files", "files.example.org")
    rule("wikis", "*.wiki.example.org")
    rule("off", "off.example.org", enabled=False)
    for origin in (
        "https://files.example.org",
        "https://files.example.org:8443",
        "https://a.wiki.example.org",
    ):
        assert safe_destination(f"{origin}/a?b=c") == f"{origin}/a?b=c"
    for origin in (
        "https://off.example.org",
        "https://wiki.example.org",
        "https://files.example.org.evil.example",
        "https://files.example.org@evil.example",
        "https://evil.example",
        "ftp://files.example.org",
    ):
        assert safe_destination(f"{origin}/") == ""
