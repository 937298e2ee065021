"""One exchange of a request and its answer over libcurl, within one deadline."""

import socket
import time
import zlib
from dataclasses import dataclass, field
from typing import Any

from django.utils.datastructures import CaseInsensitiveMapping

from accounts.conf import HttpLimits
from accounts.http.address import Target, is_inside
from accounts.http.answer import Answer
from accounts.http.handles import handle, pycurl
from accounts.http.names import addresses_of

# How many bytes may come before the body, the heads of interim answers included.
_HEAD = 64 * 1024
# Why there is no answer of an address that must not be called.
INSIDE = "InsideAddress"
_KINDS = {getattr(pycurl, name): name[2:] for name in dir(pycurl) if name.startswith("E_")} | {
    pycurl.E_ABORTED_BY_CALLBACK: "RemoteDisconnected",  # see _Call._on_connected
    pycurl.E_COULDNT_CONNECT: "NewConnectionError",
    pycurl.E_FILESIZE_EXCEEDED: "TooLargeError",
    pycurl.E_FTP_WEIRD_SERVER_REPLY: "BadStatusLine",
    pycurl.E_GOT_NOTHING: "RemoteDisconnected",
    pycurl.E_OPERATION_TIMEDOUT: "ReadTimeoutError",
    pycurl.E_UNSUPPORTED_PROTOCOL: "BadStatusLine",  # as old as HTTP/0.9
    pycurl.E_WRITE_ERROR: "TooLargeError",  # see _Call._on_head and _on_body
}


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request that is ready to be sent. `body` is None for a GET, else that of a POST."""

    target: Target
    lines: list[bytes] = field(repr=False)
    body: bytes | None = field(repr=False)


class _NoAnswer(Exception):
    """There is no answer. The argument says why, in one word."""


def exchange(request: Outgoing, *, limits: HttpLimits, ends: float, max_bytes: int) -> Answer | str:
    """Send a request, once, and return its answer, or in one word why there is none.

    `ends` is the deadline, a time of `time.monotonic`; `max_bytes` bounds the body, packed and
    unpacked. libcurl's own errors quote addresses: they end here.
    """
    try:
        with handle(request.target.origin, limits) as curl:
            call = _Call(curl, request, max_bytes, inside=limits.inside)
            call.perform(min(ends, time.monotonic() + limits.connect), ends)
        return call.answer()
    except _NoAnswer as error:
        return str(error)
    except TimeoutError:  # of the name look-up
        return "ConnectTimeoutError"
    except (OSError, UnicodeError) as error:  # of the name, or of the file of an extra CA
        return type(error).__name__


class _Call:
    """One call by a handle of libcurl, which tells by its callbacks what happens."""

    def __init__(
        self, curl: pycurl.Curl, request: Outgoing, max_bytes: int, *, inside: bool
    ) -> None:
        self._curl, self._target, self._max_bytes = curl, request.target, max_bytes
        self._head: list[bytes] = []
        self._head_left = _HEAD
        self._body, self._status = bytearray(), 0
        self._is_connected = self._lacks_address = self._was_refused = False
        curl.setopt(pycurl.URL, request.target.url)
        curl.setopt(pycurl.HTTPHEADER, request.lines)
        curl.setopt(pycurl.MAXFILESIZE_LARGE, max_bytes)
        if request.body is None:
            curl.setopt(pycurl.HTTPGET, 1)
        else:
            curl.setopt(pycurl.POSTFIELDS, request.body)
        curl.setopt(pycurl.RESOLVER_START_FUNCTION, self._on_name)
        curl.setopt(pycurl.PREREQFUNCTION, self._on_connected)
        if not inside:
            curl.setopt(pycurl.OPENSOCKETFUNCTION, self._on_socket)
        curl.setopt(pycurl.HEADERFUNCTION, self._on_head)
        curl.setopt(pycurl.WRITEFUNCTION, self._on_body)

    def perform(self, connected_by: float, ends: float) -> None:
        """Send the request and receive its answer. Raises `_NoAnswer`, and `OSError` for the name.

        Only libcurl knows whether it kept a connection. When it did not, it stops for want of an
        address, and is started again with those of the host.
        """
        code = self._perform(connected_by, ends)
        if self._lacks_address and not self._is_connected:
            found = addresses_of(self._target.host, connected_by - time.monotonic())
            entry = f"+{self._target.host}:{self._target.port}:{','.join(found)}"
            self._curl.setopt(pycurl.RESOLVE, [entry])
            code = self._perform(connected_by, ends)
        if code == pycurl.E_OPERATION_TIMEDOUT and not self._is_connected:
            raise _NoAnswer("ConnectTimeoutError")
        if code and self._was_refused and not self._is_connected:
            raise _NoAnswer(INSIDE)
        if code == pycurl.E_PEER_FAILED_VERIFICATION:
            raise _NoAnswer(_certificate(self._curl.getinfo(pycurl.SSL_VERIFYRESULT)))
        if code:
            raise _NoAnswer(_KINDS.get(code, f"E{code}"))
        self._status = self._curl.getinfo(pycurl.RESPONSE_CODE)

    def answer(self) -> Answer:
        """Return what came. Raises `_NoAnswer` for a body that cannot be unpacked."""
        headers: dict[str, str] = {}
        for line in self._head[1:]:
            if not line.strip():
                break  # trailers come later (RFC 9110, 6.5)
            name, _, text = line.decode("latin-1").partition(":")
            name, text = name.strip().lower(), text.strip()
            headers[name] = f"{headers[name]}, {text}" if name in headers else text
        body = _unpacked(bytes(self._body), headers.get("content-encoding", ""), self._max_bytes)
        return Answer(self._status, CaseInsensitiveMapping(headers), body)

    def _perform(self, connected_by: float, ends: float) -> int:
        now = time.monotonic()
        if now >= connected_by:
            return pycurl.E_OPERATION_TIMEDOUT
        # Rounded up, since 0 would be no limit.
        self._curl.setopt(pycurl.TIMEOUT_MS, int((ends - now) * 1000) + 1)
        self._curl.setopt(pycurl.CONNECTTIMEOUT_MS, int((connected_by - now) * 1000) + 1)
        try:
            self._curl.perform()
        except pycurl.error as error:
            return int(error.args[0])
        return pycurl.E_OK

    def _on_name(self) -> int:
        self._lacks_address = ":" not in self._target.host  # which is an IPv6 address already
        return int(self._lacks_address)

    def _on_socket(self, _purpose: int, address: Any) -> socket.socket | int:
        # The last moment: what a name meant when somebody looked may not be what it means now.
        if is_inside(address[3][0]):
            self._was_refused = True
            return int(pycurl.SOCKET_BAD)
        return socket.socket(*address[:3])

    def _on_connected(self, *_: object) -> int:
        # When a kept connection breaks, libcurl would send the request again, a POST as well.
        is_again, self._is_connected = self._is_connected, True
        return pycurl.PREREQFUNC_ABORT if is_again else pycurl.PREREQFUNC_OK

    def _on_head(self, line: bytes) -> int:
        self._head_left -= len(line)
        if line.startswith(b"HTTP/"):
            self._head.clear()  # of an interim answer (RFC 9110, 15.2)
        self._head.append(line)
        return len(line) if self._head_left >= 0 else -1

    def _on_body(self, piece: bytes) -> int:
        self._body += piece
        return len(piece) if len(self._body) <= self._max_bytes else -1


def _certificate(found: int) -> str:
    """Return what is wrong with a certificate, by what OpenSSL has found of it (X509_V_ERR_...).

    Names are compared by libcurl, and OpenSSL then has nothing to say: 0, or 1 ("unspecified").
    """
    kinds = {0: "CertificateOfAnother", 1: "CertificateOfAnother", 10: "CertificateExpired"}
    return kinds.get(found, "SSLCertVerificationError")


def _unpacked(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """Undo gzip, which some servers send unasked. We ask for plain bodies (client.py)."""
    if not body or encoding.lower() in ("", "identity"):
        return body
    unzip = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        plain = unzip.decompress(body, max_bytes + 1)
    except zlib.error:
        raise _NoAnswer("BadEncoding") from None
    if len(plain) > max_bytes:
        raise _NoAnswer("TooLargeError")
    if not unzip.eof:
        raise _NoAnswer("BadEncoding")
    return plain
