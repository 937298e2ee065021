"""An upload may take as long as it takes (docs/web-servers.md 1, 4)."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.http.web_servers.wire import Wire, answer
from tests.peers import gateways
from tests.peers.behind import Application, application
from tests.peers.certificates import Certificates
from tests.peers.site import ROOT, free_port

SECONDS = 75  # Traefik's own limit is a minute
FLAG = "--entryPoints.websecure.transport.respondingTimeouts.readTimeout=12h"


def test_the_page_says_by_which_flag() -> None:
    for path in ("docs/web-servers.md", "tests/peers/gateways.py"):
        assert FLAG in Path(ROOT, path).read_text(), path


@pytest.mark.soak
def test_a_slow_upload_arrives(certificates: Certificates, app: Application) -> None:
    """By all web servers at once. What stands in Vestibule's place lets everybody in."""
    with ExitStack() as stack:
        lets_in = stack.enter_context(application())
        wires = []
        for name in gateways.NAMES:
            places = gateways.Places(free_port(), lets_in.port, app.port, free_port())
            stack.enter_context(gateways.before(name, places, certificates))
            wires.append(Wire(places.files, certificates.authority))
        with ThreadPoolExecutor(len(wires)) as pool:
            assert list(pool.map(upload, wires)) == [200] * len(wires)


def upload(wire: Wire) -> int:
    head = f"PUT /slow HTTP/1.1\r\nHost: {wire.host}\r\nTransfer-Encoding: chunked\r\n"
    with closing(wire.connect()) as own:
        own.sendall(f"{head}Connection: close\r\n\r\n".encode())
        for _second in range(SECONDS):
            own.sendall(b"4\r\nslow\r\n")
            time.sleep(1)
        own.sendall(b"0\r\n\r\n")
        return answer(own, "PUT").status
