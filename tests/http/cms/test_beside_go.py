"""Go goes on at its own address, where nginx leads what is the site's to the site, by the lines of
docs/replacing.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from django.urls import URLPattern, URLResolver, get_resolver

from tests.peers import proxies
from tests.peers.certificates import make_certificates
from tests.peers.site import ROOT, Site, free_port

pytestmark = pytest.mark.wire

PAGE = Path(ROOT, "docs/replacing.md").read_text()
LINES = re.search(r"```nginx\n(.*?)```", PAGE.partition("## MapStore")[0], re.S)
FRONT = re.search(r"`VESTIBULE_FRONTPAGE_URL=(\S+)`", PAGE)
GO = "proxy_pass http://127.0.0.1:3000$request_uri;"
# What belongs to whoever has the front page.
GOS = {"", "favicon.ico", "robots.txt"}


@pytest.fixture(scope="module")
def ask(
    site: Callable[..., Site], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], requests.Response]]:
    """Give a browser that follows nothing."""
    folder, port, inside = tmp_path_factory.mktemp("nginx"), free_port(), free_port()
    assert LINES
    assert FRONT
    assert GO in LINES[1]
    known = {
        "VESTIBULE_SITE_URL": f"https://localhost:{port}",
        "VESTIBULE_TRUSTED_PROXIES": "127.0.0.1",
        "VESTIBULE_FRONTPAGE_URL": FRONT[1],
    }
    site(known, port=inside)
    certificates = make_certificates(folder, ("localhost", "127.0.0.1"))
    proxies.nginx_site(folder, "localhost", port, inside, certificates)
    conf, name = folder / "site.conf", "server_name localhost;"
    lines = LINES[1].replace(GO, "return 200 'go at $request_uri';")
    conf.write_text(conf.read_text().replace(name, f"{name}\n{lines}"))
    with (
        proxies.served(proxies.nginx_around(folder, "site.conf"), port, folder),
        requests.Session() as http,
    ):
        http.trust_env, http.verify = False, str(certificates.authority)

        def asked(path: str) -> requests.Response:
            url = f"{known['VESTIBULE_SITE_URL']}{path}"
            return http.get(url, allow_redirects=False, timeout=60)

        yield asked


def first_segments() -> set[str]:
    """Return how the addresses of the site begin."""

    def below(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[str]:
        for each in patterns:
            path = before + str(each.pattern).lstrip("^")
            more = each.url_patterns if isinstance(each, URLResolver) else None
            yield from below(more, path) if more else [path]

    return {each.partition("/")[0] for each in below(get_resolver().url_patterns, "")}


def test_what_is_the_sites_is_not_gos(ask: Callable[[str], requests.Response]) -> None:
    for name in first_segments() - GOS:
        for path in (f"/{name}", f"/{name}/x"):
            assert not ask(path).text.startswith("go at"), path
    assert ask("/auth/session").json() == {"isLoggedIn": False, "type": "anonymous"}


@pytest.mark.parametrize(
    "path", ["/user/profile", "/authors/7", "/book/870970-basis:1?a=b%2Fc", "/go-front"]
)
def test_all_else_is_gos(ask: Callable[[str], requests.Response], path: str) -> None:
    assert ask(path).text == f"go at {path}"


def test_the_front_page_is_gos_where_the_site_has_nothing_to_tell(
    ask: Callable[[str], requests.Response],
) -> None:
    there = ask("/")
    assert there.status_code == 302
    assert ask(there.headers["Location"]).text == f"go at {there.headers['Location']}"
