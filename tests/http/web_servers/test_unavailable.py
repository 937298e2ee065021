"""Nobody comes in while Vestibule does not answer (docs/web-servers.md 1)."""

from __future__ import annotations

import pytest

from tests.http.web_servers.wire import Wire
from tests.peers import gateways
from tests.peers.behind import Application
from tests.peers.certificates import Certificates
from tests.peers.site import free_port


@pytest.mark.parametrize("name", gateways.NAMES)
def test_nobody_comes_in(name: str, certificates: Certificates, app: Application) -> None:
    nobody = free_port()
    places = gateways.Places(free_port(), nobody, app.port, free_port())
    with gateways.before(name, places, certificates):
        wire = Wire(places.files, certificates.authority)
        for line in ("GET /", "PROPFIND /dav/", "GET /.well-known/openid-configuration"):
            assert wire.ask(line, "Accept: text/html").status in {500, 502, 503}
    assert not app.seen
