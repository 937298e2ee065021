"""PostgreSQL, and an end to every wait for it.

The server's own time-outs end a statement and a wait for a lock; they end nothing when the server
itself stands still. So the client looks at the clock as well, and drops a connection that says
nothing, or that leads to a server which takes no writes: another is the primary now. A server that
does not answer is left alone for a second, but for one try: so one that hangs costs a worker one
time-out a second, not one a request. One that refuses at once costs nobody time, and serves those
whom it has let in.
"""

import time
from typing import Any

import psycopg
from django.db.backends.postgresql import base

from accounts import conf
from accounts.cache import Silence
from accounts.http.sockets import has_news

# For so many seconds after its last answer a connection is not asked whether it lives.
ANSWERED_LATELY = 0.5

# Whoever is refused within so many seconds was refused by somebody who answers.
AT_ONCE = 1.0

# How a server ends a connection whose transaction took too long. psycopg calls it a defect.
_ENDED = (psycopg.errors.IdleInTransactionSessionTimeout, psycopg.errors.TransactionTimeout)

# How psycopg reads moments. A database, or a role, may be told otherwise.
_SPELT = {"DateStyle": "ISO", "IntervalStyle": "postgres"}

# By the address of a database: where another one does not answer is nothing to this one.
_silences: dict[tuple[str, ...], Silence] = {}


def _silence_at(params: dict[str, Any]) -> Silence:
    address = tuple(str(params.get(name, "")) for name in ("host", "port", "dbname"))
    return _silences.setdefault(address, Silence())


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's, whose connections wait for so long. What takes longer is `OperationalError`."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect, unless the server failed to answer within this second."""
        silence = _silence_at(conn_params)
        if silence.holds():
            raise psycopg.OperationalError("The database did not answer a moment ago.")
        begun = time.monotonic()
        try:
            connection = super().get_new_connection(conn_params)
        except psycopg.OperationalError:
            is_refusal = time.monotonic() - begun < AT_ONCE
            silence.end() if is_refusal else silence.begin()
            raise
        silence.end()
        connection.wait = _Wait(connection, silence, conf.database_wait() or None)
        return connection

    def _configure_connection(self, connection: Any) -> bool:
        """Have moments spelt as they are read, where the server has said that it does otherwise."""
        commit = bool(super()._configure_connection(connection))  # type: ignore[misc]
        for name, word in _SPELT.items():
            if not (connection.info.parameter_status(name) or word).startswith(word):
                connection.execute(f"SET {name} TO {word}")
                commit = True
        return commit

    def is_usable(self) -> bool:
        """Tell whether the connection lives; one that is silent for as long as connecting may take
        does not, nor does any while the server is left alone. One that has answered a moment ago
        is not asked again, unless there was an error, or its server has ended it since.
        """
        wait = getattr(self.connection, "wait", None)
        if not isinstance(wait, _Wait) or wait.seconds is None:
            return bool(super().is_usable())
        if wait.silence.holds():
            return False
        if not self.errors_occurred and wait.answered_lately():
            return True
        seconds, wait.seconds = wait.seconds, min(wait.seconds, conf.database_connect())
        try:
            is_usable = bool(super().is_usable())
        finally:
            wait.seconds = seconds
        if is_usable:
            wait.silence.end()
        else:
            wait.silence.let_try()
        return is_usable


class _Wait:
    """In the place of a connection's `wait`: the same, for so many seconds."""

    def __init__(
        self, connection: psycopg.Connection[Any], silence: Silence, seconds: float | None
    ) -> None:
        self._connection, self.silence = connection, silence
        self._wait = connection.wait
        self.seconds = seconds
        self._answered = 0.0

    def answered_lately(self) -> bool:
        """Tell whether there was an answer a moment ago, and nothing since: a server that ends a
        connection says so, and what it says waits to be read.
        """
        lately = time.monotonic() - self._answered < ANSWERED_LATELY
        return lately and not has_news(self._connection.fileno())

    def __call__(self, generator: Any, *args: Any, **kwargs: Any) -> Any:
        """Return what the server says. Raises `OperationalError` and ends the connection else,
        also where a transaction took too long for the server, and where the server takes no writes:
        the next connection may find the one that does.
        """
        self._answered = 0.0
        try:
            answer = self._wait(generator, *args, **{"timeout": self.seconds, **kwargs})
        except psycopg.errors._WaitTimeout:
            self._connection.pgconn.finish()
            self.silence.begin()
            raise psycopg.OperationalError("The database does not answer.") from None
        except psycopg.errors.ReadOnlySqlTransaction:
            self._connection.pgconn.finish()
            raise psycopg.OperationalError("The database takes no writes.") from None
        except _ENDED as error:
            self._connection.pgconn.finish()
            raise psycopg.OperationalError(str(error)) from None
        self._answered = time.monotonic()
        return answer
