"""J12: a name that leads inside is not called, whoever named it, unless the operator says so."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from accounts.http import Client
from accounts.http.address import is_inside
from accounts.http.answer import CallFailed

INSIDE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "0.0.0.0", "255.255.255.255", "224.0.0.1", "::", "::1", "fe80::1", "fe80::1%eth0", "fd00::1",
    "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1", "2002:7f00:1::",
]  # fmt: skip
OUTSIDE = ["8.8.8.8", "2001:4860:4860::8888", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"]


@pytest.fixture
def listener(settings: Any) -> Iterator[socket.socket]:
    """Give a server of our net, where nobody has asked the operator."""
    settings.VESTIBULE_HTTP_PLAIN = settings.VESTIBULE_HTTP_INSIDE = False
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(1)
        yield listening


def failure(client: Client, listener: socket.socket, host: str) -> CallFailed:
    with pytest.raises(CallFailed) as failed:
        client.get(f"https://{host}:{listener.getsockname()[1]}/", deadline=1.0)
    return failed.value


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_what_leads_inside_is_not_called(listener: socket.socket, host: str) -> None:
    failed = failure(Client("test"), listener, host)
    assert failed.kind == "InsideAddress"
    assert "inside" in str(failed)
    with pytest.raises(TimeoutError):
        listener.accept()


def test_a_source_may_be_allowed_to(listener: socket.socket) -> None:
    assert failure(Client("test", inside=True), listener, "localhost").kind != "InsideAddress"
    listener.accept()[0].close()


@pytest.mark.parametrize("address", INSIDE)
def test_an_inside_address(address: str) -> None:
    assert is_inside(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_an_outside_address(address: str) -> None:
    assert not is_inside(address)
