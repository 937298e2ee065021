"""The site, and the web servers of `deploy/gateway/` before it and before applications."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.peers import gateways
from tests.peers.behind import Application, application
from tests.peers.certificates import Certificates


@pytest.fixture(scope="module")
def certificates() -> Iterator[Certificates]:
    with gateways.authority() as made:
        yield made


@pytest.fixture(scope="module")
def app() -> Iterator[Application]:
    with application() as running:
        yield running
