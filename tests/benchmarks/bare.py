"""The floor: what the server itself costs."""

from collections.abc import Callable, Iterable
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer with a constant."""
    start_response("200 OK", [("Content-Type", "application/json")])
    return [b'{"isLoggedIn": false, "type": "anonymous"}']
