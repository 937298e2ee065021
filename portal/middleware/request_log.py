"""One log line for each request: what was asked, from where, and how it ended."""

from __future__ import annotations

import structlog
from django.http import HttpRequest
from django_structlog.middlewares import RequestMiddleware


class RequestLog(RequestMiddleware):
    """django-structlog's middleware, with the address that `portal.middleware.proxies` has found.

    The original believes a dozen headers that every caller can write.
    """

    @classmethod
    def bind_ip(cls, request: HttpRequest) -> None:
        """Put the client's address into all lines of this request."""
        structlog.contextvars.bind_contextvars(ip=request.META.get("REMOTE_ADDR", ""))
