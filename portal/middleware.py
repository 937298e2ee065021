"""What wraps each request: its log line, the way to https and to slashes, the content policy, and
what caches are told.
"""

import logging
import sys
import uuid
from collections.abc import Callable
from functools import cached_property
from typing import Any

import structlog
from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.middleware.security import SecurityMiddleware
from django_structlog.middlewares import RequestMiddleware

from accounts import database


class _Ordinary(RequestMiddleware):
    """Says how a request ended that is nothing to be warned of, whatever its status."""

    def __init__(self) -> None:
        pass

    def _log_level_for_status_code(self, status_code: int) -> int:
        return logging.INFO


_ordinary = _Ordinary()


class RequestLog(RequestMiddleware):
    """django-structlog's middleware, with the address that the front has found, and one line.

    The original believes a dozen headers that every caller can write, makes a line at the start as
    well, and warns of each 4xx; of an answer with the mark `is_ordinary` nobody is warned here.
    """

    def prepare(self, request: HttpRequest) -> None:
        """Put the request's name and the client's address into all lines of this request."""
        address = request.META.get("REMOTE_ADDR", "")
        structlog.contextvars.bind_contextvars(request_id=str(uuid.uuid4()), ip=address)

    def process_got_request_exception(
        self, sender: type[Any], request: HttpRequest, **more: Any
    ) -> None:
        """Write that a request failed by a defect. While the database cannot be used it is answered
        and has the line of any other.
        """
        if not database.is_down(sys.exc_info()[1]):
            super().process_got_request_exception(sender, request, **more)

    def handle_response(self, request: HttpRequest, response: HttpResponse) -> None:
        """Write the line at the end."""
        if getattr(response, "is_ordinary", False):
            _ordinary.handle_response(request, response)
        else:
            super().handle_response(request, response)


class Secure(SecurityMiddleware):
    """Django's middleware, which leads to https by a redirect that no browser keeps for ever: where
    a proxy is not trusted yet, https is taken for http, and each page leads to itself.
    """

    def process_request(self, request: HttpRequest) -> Any:
        """Return the way to https for a request that has not come by it."""
        kept = super().process_request(request)
        if kept is None:
            return None
        return HttpResponseRedirect(kept["Location"], headers={"Cache-Control": "no-store"})


class Slashes(CommonMiddleware):
    """Django's middleware, which leads to an address's own slash by a redirect that no browser
    keeps for ever (docs/contract.md, Always), and refuses foreign names of the site. `/metrics`
    judges the name itself, as each machine and pod is scraped by its own address.
    """

    response_redirect_class = HttpResponseRedirect

    def process_request(self, request: HttpRequest) -> Any:
        """Return a redirect or None. Raises `DisallowedHost` for a name that is not the site's."""
        if request.path_info == "/metrics":
            return None
        return super().process_request(request)


class Uncached:
    """Middleware: an answer that says nothing of caches is kept by none. Some keep a redirect, a
    404 or a 405 of their own accord (RFC 9111, 4.2.2).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the answer."""
        response = self._get_response(request)
        response.setdefault("Cache-Control", "no-store")
        return response


class ContentPolicy(CSPMiddleware):
    """django-csp's middleware, which works the policy out twice for each answer, a tenth of what a
    small one costs. Here one that asks for nothing of its own gets the site's, made once.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """Return the answer with its policy; one that has a policy keeps it."""
        if " _csp_" in " ".join(("", *vars(response), *vars(request))):
            answer: HttpResponseBase = super().process_response(request, response)
            return answer
        if HEADER not in response:
            response[HEADER] = self._of_the_site
        return response

    @cached_property
    def _of_the_site(self) -> str:
        return str(build_policy())
