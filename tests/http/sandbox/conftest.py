"""One sandbox for a module, and a new browser for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.http.sandbox.running import Browser, Sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    own = Sandbox(tmp_path_factory.mktemp("sandbox"))
    own.start()
    yield own
    own.stop()


@pytest.fixture
def browser(sandbox: Sandbox) -> Iterator[Browser]:
    own = Browser(sandbox)
    yield own
    own.session.close()
