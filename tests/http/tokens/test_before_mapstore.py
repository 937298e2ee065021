"""MapStore as it stands, before which nginx leads what is about signing in to the site, by the
lines of docs/replacing.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests

from tests.peers import proxies
from tests.peers.certificates import make_certificates
from tests.peers.site import ROOT, Site, free_port
from tests.peers.tampering import CLIENT_ID, CLIENT_SECRET, OpenIdProvider, tampering_provider

pytestmark = pytest.mark.wire

PASSWORD = "four-gulls-over-a-ferry"
ALICE = f"""
from accounts.models import User
alice = User.objects.create_user("søren", {PASSWORD!r}, name="Søren")
alice.give_local_identity()
"""
SOURCE = """
[sources.oidc]
provider = "oidc"
after_login = "/mapstore/"
[sources.oidc.settings]
issuer = "{issuer}"
client_id = "{client}"
client_secret = "{secret}"
"""
PAGE = Path(ROOT, "docs/replacing.md").read_text()
LINES = re.search(r"```nginx\n(.*?)```", PAGE.partition("## MapStore")[2], re.S)
MAPSTORE = "proxy_pass http://127.0.0.1:8080;"


@dataclass
class Map:
    """MapStore in a browser: it knows GeoStore's addresses alone."""

    url: str
    http: requests.Session

    def ask(self, method: str, path: str, token: str = "", **more: object) -> requests.Response:
        own = {"Authorization": f"Bearer {token}"} if token else {}
        url = f"{self.url}/mapstore/rest/geostore/{path}"
        return self.http.request(
            method,
            url,
            headers=own,
            allow_redirects=False,
            timeout=60,
            **more,  # type: ignore[arg-type]
        )


@pytest.fixture(scope="module")
def op() -> Iterator[OpenIdProvider]:
    with tampering_provider() as running:
        yield running


@pytest.fixture(scope="module")
def place(
    site: Callable[..., Site], op: OpenIdProvider, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """Give the address of both, and the authority to trust."""
    folder, port, inside = tmp_path_factory.mktemp("nginx"), free_port(), free_port()
    known = {
        "VESTIBULE_SITE_URL": f"https://localhost:{port}",
        "VESTIBULE_TRUSTED_PROXIES": "127.0.0.1",
        "VESTIBULE_HTTP_PLAIN": "1",
    }
    own = site(known, port=inside)
    own.manage("shell", "--verbosity=0", stdin=ALICE)
    told = SOURCE.format(issuer=op.issuer, client=CLIENT_ID, secret=CLIENT_SECRET)
    own.manage("sources", "apply", "-", stdin=told)
    certificates = make_certificates(folder, ("localhost", "127.0.0.1"))
    proxies.nginx_site(folder, "localhost", port, inside, certificates)
    assert LINES
    assert MAPSTORE in LINES[1]
    lines = LINES[1].replace(MAPSTORE, "return 200 'the map at $request_uri';")
    conf = folder / "site.conf"
    conf.write_text(
        conf.read_text().replace("server_name localhost;", f"server_name localhost;{lines}")
    )
    with proxies.served(proxies.nginx_around(folder, "site.conf"), port, folder):
        yield known["VESTIBULE_SITE_URL"], str(certificates.authority)


@pytest.fixture
def own(place: tuple[str, str]) -> Map:
    http = requests.Session()
    http.trust_env, http.verify = False, place[1]
    return Map(place[0], http)


def test_a_password_is_worth_a_pair_as_ever(own: Map) -> None:
    pair = own.ask("POST", "session/login", auth=("søren".encode(), PASSWORD.encode())).json()
    wanted = "users/user/details?includeattributes=true"
    assert own.ask("GET", wanted, pair["access_token"]).json()["User"]["name"] == "søren"
    given = {"sessionToken": {name: pair[name] for name in ("access_token", "refresh_token")}}
    newer = own.ask("POST", "session/refreshToken", pair["access_token"], json=given).json()
    assert own.ask("DELETE", "session/logout", newer["access_token"]).json()["ended"] is True
    assert own.ask("GET", wanted, newer["access_token"]).status_code == 401


def test_a_provider_leads_back_to_the_map(own: Map, op: OpenIdProvider) -> None:
    (listed,) = own.ask("GET", "openid/providers").json()
    away = own.ask("GET", f"openid/{listed['name']}/login").headers["Location"]
    asked = {name: values[0] for name, values in parse_qs(urlsplit(away).query).items()}
    assert asked["redirect_uri"] == f"{own.url}/openid/oidc/callback"
    answer = urlencode(op.authorize(away))
    back = own.http.get(f"{asked['redirect_uri']}?{answer}", allow_redirects=False, timeout=60)
    assert (back.status_code, back.headers["Location"]) == (303, "/mapstore/")
    key, name = (own.http.cookies[each] for each in ("tokens_key", "authProvider"))
    pair = own.ask("GET", f"openid/{name}/tokens?identifier={key}").json()
    assert own.ask("GET", "users/user/details", pair["access_token"]).status_code == 200


def test_all_else_is_mapstores(own: Map) -> None:
    for path in ("resources", "users/user", "session", "extjs/search/x?start=0"):
        said = own.ask("GET", path).text
        assert said == f"the map at /mapstore/rest/geostore/{path}"
    assert own.http.get(f"{own.url}/mapstore/", timeout=60).text == "the map at /mapstore/"
