"""Sockets and connections that keep to the allowance of the call (allowance.py).

Python's sockets bound one operation at a time: connecting, a handshake, one `recv`, one `sendall`.
Setting what is left of the whole call before each of them makes one deadline of all.
"""

from __future__ import annotations

import socket
import ssl
import time
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from accounts.http import allowance
from accounts.http.resolver import resolve

# Servers close idle connections after 5 s or more (Apache, Node), and a request that crosses such a
# closing is lost. A connection that rested this many seconds is not used again.
MAX_IDLE = 4.0


class Socket(socket.socket):
    """A plain socket that keeps to the allowance."""

    def recv_into(self, *args: Any) -> int:
        """Receive within what is left, and count it."""
        self.settimeout(allowance.seconds_left())
        count = super().recv_into(*args)
        allowance.received(count)
        return count

    def sendall(self, *args: Any) -> None:
        """Send all within what is left."""
        self.settimeout(allowance.seconds_left())
        super().sendall(*args)


class TlsSocket(ssl.SSLSocket):
    """A TLS socket that keeps to the allowance. `SSLSocket.sendall` is a loop over `send`."""

    def recv_into(self, *args: Any) -> int:
        """Receive within what is left, and count it."""
        self.settimeout(allowance.seconds_left())
        count = super().recv_into(*args)
        allowance.received(count)
        return count

    def send(self, *args: Any) -> int:
        """Send within what is left."""
        self.settimeout(allowance.seconds_left())
        return super().send(*args)


class PlainConnection(HTTPConnection):
    """A connection that opens in time and is not used again after a long rest."""

    _used_at = 0.0

    def _new_conn(self) -> socket.socket:
        return open_socket(self)

    def getresponse(self) -> Any:
        """Read the head of an answer, and note when."""
        self._used_at = time.monotonic()
        return super().getresponse()

    @property
    def is_connected(self) -> bool:
        """Whether the next request may use this connection."""
        return super().is_connected and fit_for_use(self.sock, self._used_at)


class TlsConnection(PlainConnection, HTTPSConnection):
    """The same over TLS. The handshake is part of the time to connect."""


def open_socket(connection: HTTPConnection) -> socket.socket:
    """Return a connected socket whose timeout is what is left of the time to connect.

    Raises the errors of urllib3 that its pools expect.
    """
    window = min(connection.timeout or 0.0, allowance.seconds_left())
    try:
        return _connect(connection._dns_host, connection.port, time.monotonic() + window)
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, "Connecting took too long.") from error
    except (OSError, UnicodeError) as error:
        raise NewConnectionError(connection, type(error).__name__) from error


def fit_for_use(sock: Any, used_at: float) -> bool:
    """Tell whether a connection rested only shortly and holds no bytes that nobody asked for.

    Bytes in the TLS layer are unseen by the `select` of urllib3, and would be taken for the
    beginning of the next answer.
    """
    unread = sock.pending() if isinstance(sock, ssl.SSLSocket) else 0
    return not unread and time.monotonic() - used_at < MAX_IDLE


def _connect(host: str, port: int, ends: float) -> socket.socket:
    """Try the addresses of a host in turn, giving each a fair share of the time until `ends`."""
    addresses = resolve(host.strip("[]"), port, ends - time.monotonic())
    error: OSError = OSError("The name has no address.")
    for tried, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = Socket(family, kind, protocol)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(_positive(ends - time.monotonic()) / (len(addresses) - tried))
            sock.connect(address)
            sock.settimeout(_positive(ends - time.monotonic()))
        except OSError as failed:
            sock.close()
            error = failed
        else:
            return sock
    raise error


def _positive(seconds: float) -> float:
    # A timeout of 0 would make the socket non-blocking instead of impatient.
    if seconds <= 0:
        raise TimeoutError("The time to connect has passed.")
    return seconds
