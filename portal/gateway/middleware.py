"""The way into the gateway: before everything that is for browsers of this site."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.csrf import csrf_exempt

from accounts import database
from portal.gateway import arrival
from portal.gateway.check import PATH, Answer, Question, answer, unavailable
from portal.gateway.hosts import LOCAL
from portal.server.unreadable import UNREADABLE


class Gate:
    """Answers a web server's question itself. What wraps pages (cookies, redirects to https, HSTS,
    content policy) is for this host, and a refusal reaches a browser on another one.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer what a web server asks, and what an application's host leads here; leave
        everything else to the site.
        """
        path = request.path_info
        if path == PATH:
            return check(request)
        if path.startswith(LOCAL):
            response = local(request, path.removeprefix(LOCAL))
            response.setdefault("Cache-Control", "no-store")
            return response
        return self._get_response(request)


@login_not_required
def local(request: HttpRequest, step: str) -> HttpResponse:
    """Answer a browser at the host of an application; 503 while the database cannot be asked."""
    view = {"start": arrival.local_start, "accept": arrival.local_accept}.get(step)
    if view is None:
        return HttpResponse(status=404)
    try:
        return view(request)
    except DatabaseError as error:
        return _without_database(error, _question(request), is_page=True)


@csrf_exempt
@login_not_required
def check(request: HttpRequest) -> HttpResponse:
    """Answer one question; 503 while the database cannot be asked."""
    question = _question(request)
    try:
        return Exactly(answer(question))
    except DatabaseError as error:
        return _without_database(error, question)


def _question(request: HttpRequest) -> Question:
    return Question(
        query=request.META.get("QUERY_STRING", ""),
        headers={name.lower(): value for name, value in request.headers.items()},
        address=request.META.get("REMOTE_ADDR", ""),
        unreadable=request.META.get(UNREADABLE, frozenset()),
    )


def _without_database(
    error: DatabaseError, question: Question, *, is_page: bool = False
) -> HttpResponse:
    """Return 503 for a database that cannot be asked. Raises any other `error`."""
    if not database.is_down(error):
        raise error
    return Exactly(unavailable(question, is_page=is_page))


class Exactly(HttpResponse):
    """An answer with its headers as they stand. What occurs twice is written twice: one line would
    merge two challenges, or two cookies, for who reads it.
    """

    def __init__(self, found: Answer) -> None:
        super().__init__(found.body, status=found.status)
        del self["Content-Type"]
        self._lines = found.headers
        for name, value in found.headers:
            self.headers[name] = f"{self.headers[name]}, {value}" if name in self else value

    def items(self) -> Any:
        """Return each line of the head."""
        return iter(self._lines)
