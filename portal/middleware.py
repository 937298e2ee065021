"""What wraps each request: the word of a proxy, a line in the log, the content policy."""

import ipaddress
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

import structlog
from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django_structlog.middlewares import RequestMiddleware

# What a caller may not say of itself unless it is a trusted proxy.
_FORWARDED = "HTTP_X_FORWARDED_"
_OTHERS = ("HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_X_ORIGINAL_URL", "HTTP_X_ORIGINAL_METHOD")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class TrustedProxies:
    """WSGI middleware: takes client address and scheme from the proxies in `networks` only, by
    default from nobody.

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
        if _address(client):
            environ["REMOTE_ADDR"] = client
        if environ.get("HTTP_X_FORWARDED_PROTO") in {"http", "https"}:
            environ["wsgi.url_scheme"] = environ["HTTP_X_FORWARDED_PROTO"]

    def _is_trusted(self, text: str) -> bool:
        address = _address(text) if self.networks else None
        return address is not None and any(address in network for network in self.networks)


class RequestLog(RequestMiddleware):
    """django-structlog's middleware, with the address that `TrustedProxies` has found.

    The original believes a dozen headers that every caller can write.
    """

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """Put the client's address into all lines of this request."""
        structlog.contextvars.bind_contextvars(ip=request.META.get("REMOTE_ADDR", ""))


class ContentPolicy(CSPMiddleware):
    """django-csp's middleware, which works the policy out twice for each answer, a tenth of what a
    small one costs. Here one that asks for nothing of its own gets the site's, made once.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Return the answer with its policy; one that has a policy keeps it."""
        asked = any(name.startswith("_csp_") for name in (*vars(response), *vars(request)))
        if asked:
            answer: HttpResponseBase = super().process_response(request, response)
            return answer
        if HEADER not in response:
            response[HEADER] = self._of_the_site
        return response

    @cached_property
    def _of_the_site(self) -> str:
        return str(build_policy())


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
