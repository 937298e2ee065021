"""One exchange of a request and its answer, over pooled connections and one TLS context.

Built on the pools of urllib3, without the `Session` or adapter of `requests`: so there is no cookie
jar, no `.netrc`, no proxy, no redirect and no `REQUESTS_CA_BUNDLE` that would have to be kept out,
and the body of a redirect is bounded like any other.
"""

from __future__ import annotations

import http.client
import logging
import ssl
import threading
import zlib
from typing import cast

import urllib3
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from accounts.conf import HttpLimits
from accounts.http import allowance
from accounts.http.answer import Answer
from accounts.http.errors import TooLargeError
from accounts.http.outgoing import Outgoing
from accounts.http.sockets import PlainConnection, TlsConnection, TlsSocket

# Everything that the exchange raises when the network, the upstream or its bytes are in trouble.
TROUBLE = (
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    zlib.error,
    OSError,
    ValueError,
)
_PIECE = 16 * 1024
# What may come besides the body: the head, and the sizes of its chunks.
_HEAD = 64 * 1024
_ORIGINS_KEPT = 64
# Never fewer than may be in flight to one origin, so that none is thrown away after use.
_CONNECTIONS_KEPT = 64

# urllib3 writes whole addresses, with their query, to its own log.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = TlsConnection


_managers: dict[str, urllib3.PoolManager] = {}
_lock = threading.Lock()


def pools(ca: str) -> urllib3.PoolManager:
    """Return the pools of this process, made at first use. `ca` is the file of an extra CA.

    They share one TLS context: parsing the CA bundle takes 13 ms. Raises `OSError` when that file
    cannot be read as certificates.
    """
    found = _managers.get(ca)
    if found is None:
        with _lock:
            found = _managers.get(ca)
            if found is None:
                found = urllib3.PoolManager(
                    num_pools=_ORIGINS_KEPT, maxsize=_CONNECTIONS_KEPT, ssl_context=tls_context(ca)
                )
                found.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}
                _managers[ca] = found
    return found


def tls_context(ca: str) -> ssl.SSLContext:
    """Return a context that verifies chain and host name, from TLS 1.2 on (RFC 9325, 3.1.1).

    Made by hand, since `ssl.create_default_context` obeys `SSLKEYLOGFILE` and `SSL_CERT_FILE`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    if ca:
        context.load_verify_locations(ca)
    context.sslsocket_class = TlsSocket
    return context


def exchange(request: Outgoing, *, limits: HttpLimits, ends: float, max_bytes: int) -> Answer:
    """Send a request and return its answer, read to the end.

    `ends` is the deadline, a time of `time.monotonic`; `max_bytes` bounds the body, packed and
    unpacked. Raises one of `TROUBLE`.
    """
    with allowance.granted(ends=ends, max_bytes=max_bytes + _HEAD):
        seconds = allowance.seconds_left()
        timeout = urllib3.Timeout(connect=min(limits.connect, seconds), read=seconds)
        response = _sent(request, pools(limits.ca), timeout)
        try:
            body = _read(response, max_bytes)
        except BaseException:  # whatever it is: what is unread must not begin the next answer
            response.close()
            raise
        response.release_conn()
    return Answer(response.status, response.headers, body)


def _sent(
    request: Outgoing, manager: urllib3.PoolManager, timeout: urllib3.Timeout
) -> urllib3.BaseHTTPResponse:
    """Send a request, once, and return the head of its answer, with the body still to be read."""
    return manager.connection_from_url(request.target.origin).urlopen(
        request.method,
        request.target.path,
        body=request.body,
        headers=cast(dict[str, str], request.headers),  # bytes go out as they are
        retries=False,
        redirect=False,
        assert_same_host=False,
        timeout=timeout,
        preload_content=False,
        decode_content=False,
    )


def _read(response: urllib3.BaseHTTPResponse, max_bytes: int) -> bytes:
    announced = response.headers.get("Content-Length", "")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise TooLargeError("The announced body is larger than the call allows.")
    body = bytearray()
    for piece in response.stream(_PIECE, decode_content=False):
        body += piece
        if len(body) > max_bytes:
            raise TooLargeError("The body is larger than the call allows.")
    return _unpacked(bytes(body), response.headers.get("Content-Encoding", ""), max_bytes)


def _unpacked(body: bytes, encoding: str, max_bytes: int) -> bytes:
    """Undo gzip, which some servers send unasked. We ask for plain bodies (client.py)."""
    encoding = encoding.strip().lower()
    if not body or encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise ValueError("The body is packed in a way that was not asked for.")
    unzip = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    plain = unzip.decompress(body, max_bytes + 1)
    if len(plain) > max_bytes:
        raise TooLargeError("The unpacked body is larger than the call allows.")
    if not unzip.eof:
        raise ValueError("The packed body is not whole.")
    return plain
