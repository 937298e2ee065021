"""Handles of libcurl, and the connections that they leave open for the next.

libcurl keeps no cookie, follows no redirect and asks no `.netrc` unless it is told to. What else it
takes from the environment is turned off here: proxies, and `SSLKEYLOGFILE`.
"""

import os
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import certifi

from accounts.conf import HttpLimits
from accounts.http.sockets import has_news

os.environ.pop("SSLKEYLOGFILE", None)  # libcurl reads it when it is loaded: so take it from here
import pycurl

__all__ = ["handle", "pycurl"]

# Servers close idle connections after 5 s or more (Apache, Node), and a request that crosses such a
# closing is lost. A connection that rested this many seconds is not used again.
MAX_IDLE = 4
_ORIGINS_KEPT = 64

# Each box with the socket of its connection, -1 when it has none.
_Box = tuple[pycurl.CurlShare, int]
_idle: dict[tuple[str, str, bool], list[_Box]] = {}


@contextmanager
def handle(origin: str, limits: HttpLimits) -> Iterator[pycurl.Curl]:
    """Lend a handle for one call, and keep its connection for later ones.

    Raises `OSError` when the file of an extra CA is not one. A connection is kept in a box (CURLSH)
    of its own, in a stack for each origin: libcurl's sharing is not safe between threads. When 16
    threads called 4 upstreams with pauses, they made 20 connections so, 28 with one stack for all
    origins and 79 with a box for each thread.
    """
    key = (origin, limits.ca, limits.inside)
    if key not in _idle and len(_idle) >= _ORIGINS_KEPT:
        _idle.clear()
    idle = _idle.setdefault(key, [])
    box, kept = _quiet(idle), list[_Box]()
    curl = _made(limits, box)
    try:
        yield curl
        if _is_clean(curl):
            kept.append((box, curl.getinfo(pycurl.ACTIVESOCKET)))
    finally:
        curl.close()
        idle.extend(kept)


def _quiet(idle: list[_Box]) -> pycurl.CurlShare:
    """Return a box on whose connection nothing has come since its answer, or a new one.

    What came in the meantime, such as an answer sent twice, would be taken for the answer to the
    next call, of another person. libcurl looks only at connections that rested for a second.
    """
    while idle:
        try:
            box, connection = idle.pop()
        except IndexError:  # another thread was faster
            break
        if connection < 0 or not has_news(connection):
            return box
    box = pycurl.CurlShare()
    box.setopt(pycurl.SH_SHARE, pycurl.LOCK_DATA_CONNECT)
    return box


def _made(limits: HttpLimits, box: pycurl.CurlShare) -> pycurl.Curl:
    curl = pycurl.Curl()
    curl.setopt(pycurl.SHARE, box)
    curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTPS | (pycurl.PROTO_HTTP if limits.plain else 0))
    curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
    curl.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)  # and later (RFC 9325, 3.1.1)
    curl.setopt(pycurl.PROXY, "")
    curl.setopt(pycurl.NOSIGNAL, 1)
    curl.setopt(pycurl.MAXAGE_CONN, MAX_IDLE)
    for option, place in _system_roots().items():
        curl.setopt(option, place)
    if limits.ca:
        curl.set_ca_certs(_extra_roots(limits.ca))
    return curl


def _is_clean(curl: pycurl.Curl) -> bool:
    """Tell whether nothing came after the answer, which would be taken for the next one.

    What is left in the TLS layer is not seen at the socket. Only a raw read sees it, which libcurl
    grants to who asked to connect only.
    """
    curl.setopt(pycurl.CONNECT_ONLY, 1)
    try:
        curl.recv(1)
    except BlockingIOError:
        return True
    except pycurl.error:
        return True  # the connection is closed
    finally:
        curl.setopt(pycurl.CONNECT_ONLY, 0)  # with it, libcurl closes the connection
    return False


@cache
def _system_roots() -> dict[int, str | None]:
    """Return where the system keeps its roots: the OpenSSL that libcurl brings does not know.

    A new connection asks a folder for one root, but reads a whole file (4 ms), which is taken where
    the folder lacks some. Where the system has neither, the file is certifi's. Not `cafile` and
    `capath`, which obey `SSL_CERT_FILE` and `SSL_CERT_DIR`.
    """
    known = ssl.get_default_verify_paths()
    folder, file = Path(known.openssl_capath), Path(known.openssl_cafile)
    in_file = file.read_bytes().count(b"BEGIN CERTIFICATE") if file.is_file() else 0
    if len(list(folder.glob("*.[0-9]"))) >= max(1, in_file):
        return {pycurl.CAINFO: None, pycurl.CAPATH: str(folder)}
    return {pycurl.CAINFO: str(file) if in_file else certifi.where()}


@cache
def _extra_roots(file: str) -> bytes:
    ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)  # libcurl would be silent
    return Path(file).read_bytes()
