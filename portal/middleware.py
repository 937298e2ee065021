"""What wraps each request: a line in the log, the content policy."""

from functools import cached_property

import structlog
from csp.constants import HEADER
from csp.middleware import CSPMiddleware
from csp.utils import build_policy
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django_structlog.middlewares import RequestMiddleware


class RequestLog(RequestMiddleware):
    """django-structlog's middleware, with the address that the front has found.

    The original believes a dozen headers that every caller can write.
    """

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """Put the client's address into all lines of this request."""
        structlog.contextvars.bind_contextvars(ip=request.META.get("REMOTE_ADDR", ""))


class Slashes(CommonMiddleware):
    """Django's middleware, which leads to an address's own slash by a redirect that no browser
    keeps for ever (docs/contract.md, Always).
    """

    response_redirect_class = HttpResponseRedirect


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
