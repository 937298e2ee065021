"""Trusting a reverse proxy: nobody by default, else exactly the networks that are configured."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from typing import Any

# What a caller may not say of itself unless it is a trusted proxy.
_FORWARDED = "HTTP_X_FORWARDED_"
_OTHERS = ("HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_X_ORIGINAL_URL", "HTTP_X_ORIGINAL_METHOD")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class TrustedProxies:
    """WSGI middleware: takes client address and scheme from trusted proxies, from nobody else.

    Of `X-Forwarded-For` the last address that is not itself a trusted proxy is the client.
    """

    def __init__(self, application: Application, networks: Iterable[str]) -> None:
        self.application = application
        self.networks: tuple[Network, ...] = tuple(
            ipaddress.ip_network(each.strip()) for each in networks if each.strip()
        )

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer the request with what its environment may be believed to say."""
        if self._is_trusted(environ.get("REMOTE_ADDR", "")):
            self._believe(environ)
        else:
            for name in [n for n in environ if n.startswith(_FORWARDED) or n in _OTHERS]:
                del environ[name]
        return self.application(environ, start_response)

    def _believe(self, environ: dict[str, Any]) -> None:
        hops = [hop.strip() for hop in environ.get("HTTP_X_FORWARDED_FOR", "").split(",")]
        client = next((hop for hop in reversed(hops) if hop and not self._is_trusted(hop)), "")
        if _is_address(client):
            environ["REMOTE_ADDR"] = client
        if environ.get("HTTP_X_FORWARDED_PROTO") in {"http", "https"}:
            environ["wsgi.url_scheme"] = environ["HTTP_X_FORWARDED_PROTO"]

    def _is_trusted(self, text: str) -> bool:
        if not self.networks or not _is_address(text):
            return False
        address = ipaddress.ip_address(text)
        return any(address in network for network in self.networks)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
