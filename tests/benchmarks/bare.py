"""The floor: what the server itself costs, by WSGI and by RSGI."""

from collections.abc import Callable, Iterable
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer with a constant."""
    start_response("200 OK", [("Content-Type", "application/json")])
    return [b'{"isLoggedIn": false, "type": "anonymous"}']


class InTheLoop:
    """The same as an RSGI application."""

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        """Answer with a constant."""
        body = b'{"isLoggedIn": false, "type": "anonymous"}'
        protocol.response_bytes(200, [("Content-Type", "application/json")], body)


in_the_loop = InTheLoop()
