"""Name look-ups that end in time.

`getaddrinfo` takes no timeout, and with a silent name server it blocks for many seconds. So it
runs in a thread of its own and the caller waits only as long as it may. Callers who ask for the
same name share one look-up: a dead name server ties up one thread for each name, however many
people knock.
"""

from __future__ import annotations

import socket
import threading
from concurrent.futures import Future
from ipaddress import ip_address
from typing import Any

AddressInfo = tuple[int, int, int, str, Any]

_asked: dict[tuple[str, int], Future[list[AddressInfo]]] = {}
_lock = threading.Lock()


def resolve(host: str, port: int, seconds: float) -> list[AddressInfo]:
    """Return what `getaddrinfo` knows of a host, for TCP, in its order.

    Raises `TimeoutError` when that takes longer than `seconds`, and `OSError` or `UnicodeError` as
    `getaddrinfo` does.
    """
    if _is_address(host):
        return _look_up(host, port)
    with _lock:
        answer = _asked.get((host, port))
        if answer is None:
            answer = _asked[host, port] = Future()
            threading.Thread(target=_ask, args=(host, port, answer), daemon=True).start()
    return answer.result(seconds)


def _ask(host: str, port: int, answer: Future[list[AddressInfo]]) -> None:
    try:
        found = _look_up(host, port)
    except (OSError, UnicodeError) as error:
        answer.set_exception(error)
    else:
        answer.set_result(found)
    finally:
        with _lock:
            del _asked[host, port]


def _look_up(host: str, port: int) -> list[AddressInfo]:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


def _is_address(host: str) -> bool:
    try:
        ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
