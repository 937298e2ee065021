"""The way to the mail server. All that is said on a connection has one deadline.

The time-out of `smtplib` is for each read: a server that says a byte a second would never reach it.
"""

import io
import smtplib
import ssl
import time
from collections.abc import Callable
from typing import Any, cast

from django.core.mail.backends import smtp
from django.utils.functional import cached_property

from accounts import conf

SECONDS = 30.0
# What a server may say on one connection. Its answers to a mail are a few lines.
MOST_BYTES = 256 * 1024


class _Answers(io.RawIOBase):
    """What the server says, read by `receive`."""

    def __init__(self, receive: Callable[[Any], int]) -> None:
        self._receive = receive

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._receive(buffer)


class _Utf8(str):
    """A name or a password as mail servers read it (RFC 4616, 2), whatever the library asks for."""

    def encode(self, *_asked: str) -> bytes:
        """Return it in UTF-8."""
        return super().encode()


class _Plain(smtplib.SMTP):
    """A connection that ends after `SECONDS` at the latest, wherever it stands then. `timeout` is
    for each step, as ever.
    """

    def __init__(self, host: str, port: int, **kwargs: Any) -> None:
        self._ends = time.monotonic() + SECONDS
        self._heard = 0
        super().__init__(host, port, **kwargs)

    def login(self, user: str, password: str, **kwargs: Any) -> tuple[int, bytes]:
        """Sign in as the library does, which by itself takes no letter beyond ASCII."""
        return super().login(user, _Utf8(password), **kwargs)

    def auth(self, mechanism: str, authobject: Any, **kwargs: Any) -> tuple[int, bytes]:
        """Do one way to sign in as the library does: `authobject` says what is sent."""

        def said(*challenge: bytes) -> str | None:
            words = authobject(*challenge)
            return None if words is None else _Utf8(words)

        return super().auth(mechanism, cast(Any, said), **kwargs)

    def send(self, s: Any) -> None:
        """Send as the library does. Raises `SMTPServerDisconnected`, also when time is up."""
        try:
            self._keep_time()
        except TimeoutError as error:
            self.close()
            raise smtplib.SMTPServerDisconnected(str(error)) from None
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        """Read as the library does, which makes `SMTPServerDisconnected` of a time-out."""
        if self.file is None:
            self.file = io.BufferedReader(_Answers(self._receive))
        return super().getreply()

    def _receive(self, buffer: Any) -> int:
        self._keep_time()
        assert self.sock is not None  # noqa: S101  # the library reads after it has connected
        number = self.sock.recv_into(buffer)
        self._heard += number
        if self._heard > MOST_BYTES:
            raise ConnectionAbortedError("The mail server says too much.")
        return number

    def _keep_time(self) -> None:
        """Give the next step the time that is left. Raises `TimeoutError` when there is none."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("The mail server takes too long.")
        if self.sock:
            self.sock.settimeout(min(left, self.timeout))


class _OverTls(_Plain, smtplib.SMTP_SSL):
    """The same over TLS from its first byte."""


class EmailBackend(smtp.EmailBackend):
    """Django's own, over connections that end in time."""

    @cached_property
    def ssl_context(self) -> ssl.SSLContext:
        """Return Django's own, which trusts the institution's authority as well.

        Raises `OSError` when its file cannot be read.
        """
        own: ssl.SSLContext = super().ssl_context
        if authority := conf.http_limits().ca:
            own.load_verify_locations(authority)
        return own

    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        """Return what Django makes a connection by."""
        return _OverTls if self.use_ssl else _Plain
