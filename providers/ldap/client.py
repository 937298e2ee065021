"""One connection to one server (RFC 4511): bind, search, StartTLS, each in the time that is left.

ldap3 writes and reads the messages. Sockets, TLS and time-outs are Python's own and ours: the
library would follow referrals, verify no host, and wait for each byte anew (docs/decisions).
"""

import math
import select
import socket
import ssl
import string
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from django.utils.translation import gettext_noop as _

from accounts.errors import Misconfigured, Said
from accounts.http import CallFailed, Place, addresses_of, connected
from providers.ldap.settings import Server

try:
    import ldap3
    from ldap3.core.exceptions import LDAPInvalidFilterError
except ImportError:  # the extra [ldap] is not installed
    ldap3, LDAPInvalidFilterError = None, ValueError

CLOSED, CONNECT, NOT_LDAP, TLS = "Closed", "Connect", "NotLdap", "Tls"
TIMEOUT, TOO_LARGE = "Timeout", "TooLarge"
MISSING = Said(_("The library for LDAP is not installed."))
POLICY = "1.3.6.1.4.1.42.2.27.8.5.1"  # draft-behera-ldap-password-policy, 6
PAGES = "1.2.840.113556.1.4.319"  # RFC 2696, 2
START_TLS = "1.3.6.1.4.1.1466.20037"  # RFC 4511, 4.14.1
SUCCESS = 0
_PAGE = 200
_MESSAGE = 0x30  # the tag of a message: a SEQUENCE (RFC 4511, 4.1.1)
_INTEGER, _ENUMERATED, _BIND_RESPONSE = 0x02, 0x0A, 0x61
_PLAIN = frozenset((string.ascii_letters + string.digits).encode())

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Result:
    """What a server said of an operation (RFC 4511, 4.1.9), and the password policy's word."""

    code: int
    message: str = field(default="", repr=False)
    policy: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry: its name, and the values of its attributes, whose names are in lower case."""

    dn: str
    attributes: Mapping[str, tuple[bytes, ...]] = field(repr=False)

    def texts(self, name: str) -> tuple[str, ...]:
        """Return the values of an attribute that are text."""
        found = (_text(value) for value in self.attributes.get(name.lower(), ()))
        return tuple(text for text in found if text)

    def names(self, name: str) -> tuple[str, ...]:
        """Return the values of an attribute that are names: no text in which a character cannot be
        seen, for without that character it would be another's name.
        """
        found = (_decoded(value).strip(" ") for value in self.attributes.get(name.lower(), ()))
        return tuple(text for text in found if text and text.isprintable())


def escaped(value: str | bytes) -> str:
    """Return a value as it stands in a filter: nothing of it can mean anything (RFC 4515, 3)."""
    raw = value.encode() if isinstance(value, str) else value
    return "".join(chr(each) if each in _PLAIN else f"\\{each:02x}" for each in raw)


def is_installed() -> bool:
    """Tell whether the library is there: the extra [ldap]."""
    return ldap3 is not None


class Connection:
    """A connection, of one thread at a time. Whatever goes wrong on it raises `CallFailed`, whose
    `kind` tells what, and closes it. `latest` ends what is done on it before its place does.
    """

    def __init__(self, server: Server, context: ssl.SSLContext | None, place: Place) -> None:
        if not is_installed():
            raise Misconfigured(MISSING)
        self._origin = server.origin
        self._socket = _Socket(self._connect(server, place))
        self._ldap = self._library()
        self.opened_at = self.used_at = time.monotonic()
        self.latest = math.inf
        try:
            if context and not server.tls:
                self._start_tls(place)
            if context:
                self._secure(context, server.host, place)
        except CallFailed:
            self.close()
            raise

    def bind(self, dn: str, password: str, place: Place) -> Result:
        """Bind by name and password (RFC 4513, 5.1.3), asking for the password policy's word."""
        own, heard = self._ldap, bytearray()
        own.authentication, own.user, own.password = ldap3.SIMPLE, dn, password.encode()

        def ask() -> None:
            own.bind(read_server_info=False, controls=[(POLICY, False, None)])
            if not _is_bound_by(bytes(heard)):
                raise ValueError

        try:
            self._do(place, ask, heard)
        finally:
            own.user = own.password = own.request = None
        said = own.result
        policy = said.get("controls", {}).get(POLICY, {}).get("value")
        return Result(said["result"], said.get("message") or "", policy or b"")

    def search(
        self,
        base: str,
        query: str,
        attributes: Iterable[str],
        place: Place,
        *,
        limit: int = 0,
        paged: bool = False,
    ) -> tuple[Result, list[Entry]]:
        """Search the tree under `base` (RFC 4511, 4.5), if `paged` by one answer after the other
        (RFC 2696), which together are one operation in time and size. Referrals are left out.

        Raises `Misconfigured` for what is no filter.
        """
        own = self._ldap
        how = {
            "search_scope": ldap3.SUBTREE,
            "dereference_aliases": ldap3.DEREF_NEVER,
            "attributes": list(attributes),
            "size_limit": limit,
            "time_limit": max(1, math.ceil(place.ends - time.monotonic())),
        }
        found: list[Entry] = []

        def ask() -> None:
            cookie: bytes | None = b""
            while cookie is not None:
                page = {"paged_size": _PAGE, "paged_cookie": cookie} if paged else {}
                own.search(base, query, **how, **page)
                found.extend(_entries(own.response))
                cookie = _cookie(own.result) if paged else None

        try:
            self._do(place, ask)
        finally:
            own.response = None
        return Result(own.result["result"], own.result["message"] or ""), found

    def is_alive(self) -> bool:
        """Tell whether the server has kept an unused connection: it has nothing to say."""
        return not (self._ldap.closed or self._socket.has_something())

    def close(self) -> None:
        """Close the socket. Harmless when it is closed."""
        self._ldap.closed = True
        self._socket.close()

    def _failed(self, template: str, kind: str, /, **values: str) -> CallFailed:
        return CallFailed(Said(template, place=self._origin, **values), kind=kind)

    def _connect(self, server: Server, place: Place) -> socket.socket:
        """Return a socket to the first of the server's addresses that takes one."""
        try:
            known = addresses_of(server.host, _to_connect(place))
        except TimeoutError:
            said = _("The name of %(place)s could not be looked up in time.")
            raise self._failed(said, CONNECT) from None
        except (OSError, UnicodeError) as error:
            raise self._failed(_("%(place)s has no address."), CONNECT) from error
        try:
            own = connected(known, server.port, _to_connect(place))
        except OSError as error:
            raise self._failed(_("%(place)s cannot be reached."), CONNECT) from error
        own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return own

    def _library(self) -> Any:
        """Return the library's own connection, put upon our socket."""
        own = ldap3.Connection(
            ldap3.Server("localhost", get_info=ldap3.NONE),
            auto_bind=ldap3.AUTO_BIND_NONE,
            client_strategy=ldap3.SYNC,
            auto_referrals=False,
            auto_escape=False,
            check_names=False,
            raise_exceptions=False,
        )
        own.socket, own.strategy._outstanding = self._socket, {}
        own.closed, own.listening = False, True
        return own

    def _start_tls(self, place: Place) -> None:
        self._do(place, lambda: self._ldap.extended(START_TLS))
        if self._ldap.result["result"] != SUCCESS:
            raise self._failed(_("%(place)s refuses StartTLS."), TLS)

    def _secure(self, context: ssl.SSLContext, host: str, place: Place) -> None:
        try:
            self._socket.secure(context, host, place.ends)
        except ssl.SSLCertVerificationError as error:
            said = _("The certificate of %(place)s is not trusted: %(why)s.")
            raise self._failed(said, TLS, why=error.verify_message.rstrip(".")) from None
        except (OSError, ValueError):
            raise self._failed(_("%(place)s does not speak TLS."), TLS) from None

    def _do(
        self, place: Place, operation: Callable[[], Any], heard: bytearray | None = None
    ) -> None:
        """Do an operation in time. What it receives is put into `heard`."""
        self._socket.begin(place, min(place.ends, self.latest), heard)
        failed = False
        try:
            operation()
        except LDAPInvalidFilterError:
            raise Misconfigured(Said(_("A filter of the source is none."))) from None
        except Exception:  # noqa: BLE001  # of the library, or Python's own for what is no LDAP
            failed = True
        if failed:  # raised out here, for the library's error may hold what was sent
            kind = self._socket.trouble or NOT_LDAP
            self.close()
            raise self._failed(_("%(place)s gave no usable answer (%(kind)s)."), kind, kind=kind)
        self.used_at = time.monotonic()


class _Socket:
    """What the library takes for a socket: each step ends when the place does, and what is received
    has a limit. `trouble` is why the last step failed.
    """

    def __init__(self, own: socket.socket) -> None:
        self._own, self._ends, self._left = own, 0.0, 0
        self._begun, self.trouble = False, ""
        self._heard: bytearray | None = None

    def begin(self, place: Place, ends: float, heard: bytearray | None) -> None:
        self._ends, self._left, self._heard = ends, place.max_bytes, heard
        self._begun, self.trouble = False, ""

    def secure(self, context: ssl.SSLContext, host: str, ends: float) -> None:
        self._own.settimeout(max(0.001, ends - time.monotonic()))
        self._own = context.wrap_socket(self._own, server_hostname=host)

    def recv(self, size: int) -> bytes:
        data = self._timed(lambda: self._own.recv(size))
        self._left -= len(data)
        if not data:
            self.trouble = CLOSED
        elif self._left < 0:
            self.trouble = TOO_LARGE
        elif not self._begun and data[0] != _MESSAGE:
            self.trouble = NOT_LDAP
        if self.trouble:
            raise ConnectionError
        self._begun = True
        if self._heard is not None:
            self._heard += data
        return data

    def sendall(self, data: bytes) -> None:
        self._timed(lambda: self._own.sendall(data))

    def has_something(self) -> bool:
        poll = select.poll()
        try:
            poll.register(self._own, select.POLLIN)
        except ValueError:  # it is closed
            return True
        return bool(poll.poll(0))

    def shutdown(self, how: int) -> None:
        """Leave it to `close`."""

    def close(self) -> None:
        self._own.close()

    def _timed(self, step: Callable[[], T]) -> T:
        left = self._ends - time.monotonic()
        if left <= 0:  # else a server that always has a byte to give never comes to its end
            self.trouble = TIMEOUT
            raise TimeoutError
        try:
            self._own.settimeout(left)
            return step()
        except TimeoutError:
            self.trouble = TIMEOUT
            raise
        except OSError:
            self.trouble = CLOSED
            raise


def _entries(response: Iterable[Any] | None) -> list[Entry]:
    """Return the entries among what came of a search."""
    return [
        Entry(each["dn"], {k.lower(): tuple(v) for k, v in each["raw_attributes"].items()})
        for each in response or ()
        if each["type"] == "searchResEntry"
    ]


def _cookie(result: Mapping[str, Any]) -> bytes | None:
    """Return what asks for the next page (RFC 2696, 3), None when there is none."""
    if result["result"] != SUCCESS:
        return None
    return result.get("controls", {}).get(PAGES, {}).get("value", {}).get("cookie") or None


def _to_connect(place: Place) -> float:
    """Return how many seconds the next step to a connection may take."""
    return max(0.001, min(place.connect, place.ends - time.monotonic()))


def _text(raw: bytes) -> str:
    """Return a value as text, without what no name has: control characters."""
    return "".join(each for each in _decoded(raw) if each.isprintable()).strip()


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return ""


def _is_bound_by(raw: bytes) -> bool:
    """Tell whether what came is one answer to a bind, whole, with a code (RFC 4511, 4.1.1, 4.2.2).
    The library takes the last of several messages, of any kind, and nothing for success.
    """
    message, rest = _element(raw, _MESSAGE)
    _number, operation = _element(message, _INTEGER)
    said, _controls = _element(operation, _BIND_RESPONSE)
    code, _more = _element(said, _ENUMERATED)
    return bool(code) and not rest


def _element(raw: bytes, tag: int) -> tuple[bytes, bytes]:
    """Return the content of the first element, which must have `tag`, and what follows it (X.690,
    8.1). Both are empty for what is none.
    """
    if len(raw) < 2 or raw[0] != tag:
        return b"", b""
    begins, size = 2, raw[1]
    if size >= 0x80:
        begins += size & 0x7F
        size = int.from_bytes(raw[2:begins])
    return raw[begins : begins + size], raw[begins + size :]
