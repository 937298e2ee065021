"""The servers of a directory: connections that are kept, and the next server when one fails."""

import math
import ssl
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from django.utils.translation import gettext_noop as _

from accounts.errors import Misconfigured, ProtocolError, Said
from accounts.http import CallFailed, Client, Place
from providers.ldap.client import CLOSED, SUCCESS, TIMEOUT, Connection
from providers.ldap.policy import OUR_FAULT
from providers.ldap.settings import LdapSettings, Server, server

# Kept of each server and use; an idle one for less time than servers and firewalls close it in.
KEPT = 8
IDLE_SECONDS = 50.0
# A connection is not kept for longer: the password that has bound it may have been changed since.
OLDEST_SECONDS = 600.0
# One that has rested for longer may lead nowhere any more, as after a firewall was started anew,
# which neither end is told. Work on it has half of the time, and the other half on a new one.
RESTED_SECONDS = 1.0

T = TypeVar("T")


class Session:
    """One server for the time of one piece of work, under the limits of its `place`.

    Connections that search and those that are bound by people's passwords are never the same.
    """

    def __init__(self, pool: "Pool", place: Place) -> None:
        self._pool, self.place = pool, place

    @property
    def origin(self) -> str:
        """The server's name, for errors."""
        return self._pool.server.origin

    def as_reader(self, work: Callable[[Connection], T]) -> T:
        """Do work on a connection that is bound by the source's own name, if it has one.

        Raises `Misconfigured` when the server does not take that name or its password, and
        `CallFailed`, also when it takes none now, as while it is busy.
        """
        return self._pool.use(self._pool.readers, self.place, work)

    def as_nobody(self, work: Callable[[Connection], T]) -> T:
        """Do work on a connection for binds. Raises `CallFailed`."""
        return self._pool.use(self._pool.binders, self.place, work)


class Pool:
    """The connections to one server that are kept for the next who needs one. Thread-safe."""

    def __init__(self, where: Server, settings: LdapSettings) -> None:
        self.server, self._settings = where, settings
        self.readers: deque[Connection] = deque()
        self.binders: deque[Connection] = deque()

    def use(self, kept: deque[Connection], place: Place, work: Callable[[Connection], T]) -> T:
        """Do work on a kept connection, or on a new one: also when the kept one was closed by the
        server meanwhile, or says nothing after it has rested.
        """
        held = self._take(kept)
        if held:
            now = time.monotonic()
            has_rested = now - held.used_at >= RESTED_SECONDS
            held.latest = now + (place.ends - now) / 2 if has_rested else math.inf
            try:
                return self._work(kept, held, work)
            except CallFailed as error:
                if error.kind == TIMEOUT and has_rested:
                    self.close()  # what rests beside it leads to the same place
                elif error.kind != CLOSED:
                    raise
        return self._work(kept, self._open(kept is self.readers, place), work)

    def fresh(self, place: Place) -> Connection:
        """Return a new connection that is bound by the source's own name, if it has one."""
        return self._open(True, place)

    def close(self) -> None:
        """Close what is kept."""
        for kept in (self.readers, self.binders):
            while held := self._take(kept):
                held.close()

    @staticmethod
    def _work(kept: deque[Connection], held: Connection, work: Callable[[Connection], T]) -> T:
        done = work(held)
        if held.is_alive() and len(kept) < KEPT:
            kept.append(held)
        else:
            held.close()
        return done

    @staticmethod
    def _take(kept: deque[Connection]) -> Connection | None:
        while True:
            try:
                held = kept.pop()
            except IndexError:
                return None
            now = time.monotonic()
            is_fresh = now - held.used_at < IDLE_SECONDS and now - held.opened_at < OLDEST_SECONDS
            if is_fresh and held.is_alive():
                return held
            held.close()

    def _open(self, is_reader: bool, place: Place) -> Connection:
        own = Connection(self.server, self._context(), place)
        if is_reader and self._settings.bind_dn:
            said = own.bind(self._settings.bind_dn, self._settings.bind_password, place)
            if said.code != SUCCESS:
                own.close()
                template = _("%(place)s does not take bind_dn (%(code)d).")
                why = Said(template, place=self.server.origin, code=said.code)
                if said.code in OUR_FAULT:
                    raise Misconfigured(why)
                raise CallFailed(why, kind="Refused")
        return own

    def _context(self) -> ssl.SSLContext | None:
        """Return how TLS is spoken to the server, None for not. Raises `Misconfigured`."""
        if not (self.server.tls or self._settings.start_tls):
            return None
        try:
            return ssl.create_default_context(cafile=self._settings.ca or None)
        except (OSError, ValueError):  # ssl's own errors are such
            why = Said(_("The file ca holds no certificates that can be read."))
            raise Misconfigured(why) from None


class Servers:
    """The servers of one source. They share nothing with those of any other. Thread-safe."""

    def __init__(self, settings: LdapSettings, http: Client) -> None:
        known = filter(None, map(server, settings.servers))
        self.pools: Sequence[Pool] = tuple(Pool(each, settings) for each in known)
        self._http, self._first = http, 0

    def ask(self, work: Callable[[Session], T]) -> T:
        """Do `work` at the server that answered last, or at the next while one fails.

        The servers that are left share what is left of the time. Raises the last server's
        `TemporarilyUnavailable`, and what else `work` raises.
        """
        ends = time.monotonic() + self._http.deadline
        first, failed = self._first, CallFailed("No server was asked.", kind="Timeout")
        for tried in range(len(self.pools)):
            number = (first + tried) % len(self.pools)
            left = (ends - time.monotonic()) / (len(self.pools) - tried)
            if left <= 0:
                break
            try:
                with self.visit(self.pools[number], left) as session:
                    done = work(session)
            except CallFailed as error:
                failed = error
                continue
            self._first = number
            return done
        raise failed

    @contextmanager
    def visit(self, pool: Pool, seconds: float) -> Iterator[Session]:
        """Hold a place at one server. Raises `CallFailed` without."""
        with self._http.place("LDAP", pool.server.origin, seconds) as place:
            try:
                yield Session(pool, place)
            except ProtocolError as error:
                if not isinstance(error, CallFailed):
                    place.succeeded()  # it answered, if not as one would like
                raise
            place.succeeded()
