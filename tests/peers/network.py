"""Keeps the tests on this machine: whoever would call somebody else hears so at once.

Names other than those of this machine are not found, as on a machine without a network; a
connection to a foreign address fails the test. Unix sockets are free. libcurl opens its sockets
itself, so its handles are watched; other C libraries such as libpq go their own way. No proxy of
the environment is asked, for which requests would look through all of it at each call.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests

from accounts.http import upstreams
from accounts.http.handles import pycurl

OWN_NAMES = {"", "localhost", "localhost.", socket.gethostname()}


class LeftTheMachine(BaseException):
    """A test called a foreign address. Not an `Exception`, so that no code under test calms it."""


def is_here(host: object) -> bool:
    """Tell whether a host, by name or address, is this machine."""
    name = host.decode() if isinstance(host, bytes) else str(host or "")
    if name in OWN_NAMES or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name.split("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def is_address(host: object) -> bool:
    """Tell whether a host is written as an address, which needs no look-up."""
    try:
        ipaddress.ip_address(str(host).split("%")[0])
    except ValueError:
        return False
    return True


class Curl(pycurl.Curl):
    """A handle of libcurl that opens no socket to a foreign address."""

    def __init__(self) -> None:
        super().__init__()
        self.called = ""
        self.setopt(pycurl.OPENSOCKETFUNCTION, self.open)

    def open(self, _purpose: int, place: pycurl.CurlSockAddr) -> socket.socket | int:
        if place.family in {socket.AF_INET, socket.AF_INET6} and not is_here(place.addr[0]):
            self.called = f"{place.addr[0]}:{place.addr[1]}"
            return pycurl.SOCKET_BAD
        return socket.socket(place.family, place.socktype, place.protocol)

    def perform(self) -> None:
        self.called = ""
        try:
            super().perform()
        except pycurl.error:
            if not self.called:
                raise
        if self.called:
            raise LeftTheMachine(f"a test called {self.called}")


@contextmanager
def stay_here() -> Iterator[None]:
    """Refuse foreign names and addresses until the end of the block."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    getaddrinfo, curl = socket.getaddrinfo, pycurl.Curl
    bypass = requests.utils.should_bypass_proxies

    def judge(own: socket.socket, address: Any) -> None:
        if own.family in {socket.AF_INET, socket.AF_INET6} and not is_here(address[0]):
            raise LeftTheMachine(f"a test called {address[0]}:{address[1]}")

    def guarded_connect(self: socket.socket, address: Any) -> None:
        judge(self, address)
        return connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        judge(self, address)
        return connect_ex(self, address)

    def guarded_getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_here(host) and not is_address(host):
            raise socket.gaierror(socket.EAI_NONAME, f"{host}: not looked up in tests")
        if str(host).endswith(".localhost"):  # RFC 6761, 6.3; not every resolver knows
            host = "127.0.0.1"
        return getaddrinfo(host, *args, **kwargs)

    socket.socket.connect = guarded_connect  # type: ignore[method-assign]
    socket.socket.connect_ex = guarded_connect_ex  # type: ignore[method-assign]
    socket.getaddrinfo = guarded_getaddrinfo
    pycurl.Curl = Curl  # type: ignore[misc]
    requests.utils.should_bypass_proxies = lambda *_, **__: True
    try:
        yield
    finally:
        socket.socket.connect = connect  # type: ignore[method-assign]
        socket.socket.connect_ex = connect_ex  # type: ignore[method-assign]
        socket.getaddrinfo = getaddrinfo
        pycurl.Curl = curl  # type: ignore[misc]
        requests.utils.should_bypass_proxies = bypass


def forget_trouble() -> None:
    """Let every upstream be called again, however often it failed."""
    for upstream in list(upstreams.shared._known.values()):  # a thread may still make one known
        upstream.recover()
