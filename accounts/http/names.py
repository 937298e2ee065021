"""The addresses of an upstream's name, asked for within a time."""

import socket
import threading
from concurrent.futures import Future

_asked: dict[str, Future[list[str]]] = {}
_lock = threading.Lock()


def addresses_of(name: str, seconds: float) -> list[str]:
    """Return what `getaddrinfo` knows of a host. Raises `TimeoutError` after `seconds`.

    It takes no timeout, and with a silent name server it blocks for many seconds; libcurl's own
    look-up then blocks its handle and the end of the process. So it runs in a thread of its own.
    Callers who ask for the same name share one look-up: a dead name server ties up one thread for
    each name, however many people knock. Raises `OSError` and `UnicodeError` as `getaddrinfo` does,
    and `OSError` when the machine starts no thread.
    """
    with _lock:
        answer = _asked.get(name) or _begun(name)
    return answer.result(seconds)


def _begun(name: str) -> Future[list[str]]:
    """Return a look-up that has begun; its thread cannot end it before `_lock` is free."""
    answer: Future[list[str]] = Future()
    try:
        threading.Thread(target=_ask, args=(name, answer), daemon=True).start()
    except RuntimeError as error:
        raise OSError(str(error)) from None
    _asked[name] = answer
    return answer


def _ask(name: str, answer: Future[list[str]]) -> None:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        answer.set_exception(error)
    else:
        answer.set_result([str(address[0]) for *_, address in found])
    finally:
        with _lock:
            del _asked[name]
