"""Deny by default, decided by the typed session (docs/architecture.md 5)."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.utils.translation import gettext as _

from accounts import trail
from accounts.errors import (
    AccessDenied,
    InsufficientUserAuthentication,
    InvalidRequest,
    LoginRequired,
    ProtocolError,
)
from accounts.models import User
from accounts.session import access, renewal
from accounts.session.typed import Session
from accounts.source import catalogue
from accounts.upstream import cookie_header

# What opens a page of this site is the cookie of its session: no token does. There is no registered
# scheme for it, and a 401 names one (RFC 9110, 15.5.2).
CHALLENGE = 'Cookie realm="vestibule", form-action="/login"'


class TypedSessionMiddleware(LoginRequiredMiddleware):
    """Denies every view that is not declared open to strangers, without a query for the user.

    Also stores the session's last use, renews it, and answers the typed errors of views.
    """

    def __call__(self, request: HttpRequest) -> Any:
        """Collect the steps of the request, for the events that it leaves."""
        with trail.walk():
            return super().__call__(request)

    def process_request(self, request: HttpRequest) -> None:
        """Take an administrator's rights from whoever came by a source that signs in none. Where
        another request has ended the session since it was let in, the user raises `LoginRequired`.
        """
        known = request.user

        def person() -> Any:
            session: Any = request.session
            was_let_in = hasattr(request, "let_in") and session.typed.is_logged_in
            if not isinstance(known, User) or not known.is_authenticated:
                if was_let_in:
                    raise LoginRequired("The session has just ended.")
                return known
            return access.as_signed_in(known, session.typed)

        request.user = SimpleLazyObject(person)  # type: ignore[assignment]

    def process_view(
        self, request: HttpRequest, view_func: Any, view_args: Any, view_kwargs: Any
    ) -> HttpResponseBase | None:
        """Return a refusal, or None for those who may come in."""
        try:
            _refuse_nul(request)
            store: Any = request.session
            if store.typed.is_logged_in and not getattr(view_func, "is_no_use", False):
                is_judged = not _renews_itself(view_func, request)
                if not (store.typed.shared and getattr(view_func, "is_polled", False)):
                    store.touch(timezone.now(), judged=is_judged)
                if is_judged:
                    cookies = cookie_header.parse(request.META.get("HTTP_COOKIE", ""))
                    was, store = store.typed, renewal.renew(store, cookies)
                    request.session = store
                    if was.bound_to and not store.typed.is_logged_in:
                        _tell_ended(request, was)
            if getattr(view_func, "login_required", True):
                access.require(store.typed)
                request.let_in = True  # type: ignore[attr-defined]
        except ProtocolError as error:
            return self.answer(request, error, as_page=not answers_json(view_func))
        except DatabaseError:
            if not getattr(view_func, "leaves", False):
                raise
        return None

    def process_exception(
        self, request: HttpRequest, exception: Exception
    ) -> HttpResponseBase | None:
        """Answer a typed error; leave every other to Django."""
        if isinstance(exception, ProtocolError):
            return self.answer(request, exception)
        return None

    def answer(
        self, request: HttpRequest, error: ProtocolError, *, as_page: bool = True
    ) -> HttpResponseBase:
        """Send a browser to sign in, or say no; everything else gets the RFC's code as JSON.

        A page's no is Django's own exception, so that the site's error pages show it.
        """
        if as_page and wants_page(request):
            return self._answer_page(request, error)
        body = {"error": error.error, "error_description": error.description}
        response = JsonResponse(body, status=error.status)
        response["Cache-Control"] = "no-store"
        if isinstance(error, InsufficientUserAuthentication):
            said = [f'{name}="{value}"' for name, value in error.parameters().items()]
            response["WWW-Authenticate"] = "Bearer " + ", ".join(said)
        elif error.status == 401:
            response["WWW-Authenticate"] = CHALLENGE
        return response

    @staticmethod
    def _answer_page(request: HttpRequest, error: ProtocolError) -> HttpResponseBase:
        session: Any = request.session
        if isinstance(error, LoginRequired):
            why = {"why": session.cut_off} if getattr(session, "cut_off", "") else {}
            demand = _demand_of(request)
            wanted = {"strength": demand} if demand else {}
            query = {"next": _way_back(request), **why, **wanted}
            return redirect("/login?" + urlencode(query))
        if isinstance(error, InsufficientUserAuthentication):
            wanted = {"strength": error.strength} if error.strength else {}
            back = {"next": request.get_full_path(), "again": "1"}
            return redirect("/login?" + urlencode({**back, **wanted}))
        if session.typed.status == User.Status.AWAITING_ACCESS:
            return redirect("/")
        if isinstance(error, AccessDenied):
            raise PermissionDenied(error.description)
        raise SuspiciousOperation(error.description)


def _demand_of(request: HttpRequest) -> str:
    """Return the strength that the view of a request, or the administration that it is of, says
    that it wants: so one sign-in is enough for a stranger.
    """
    view = getattr(request.resolver_match, "func", None)
    of = getattr(view, "model_admin", view)
    demand = getattr(getattr(of, "admin_site", of), "strength", "")
    return demand(request) if callable(demand) else demand


def _way_back(request: HttpRequest) -> str:
    """Return where a sign-in leads back to: here, or as the view of the request says."""
    view = getattr(request.resolver_match, "func", None)
    way_back = getattr(view, "way_back", None)
    return str(way_back(request)) if way_back else request.get_full_path()


def _tell_ended(request: HttpRequest, was: Session) -> None:
    """Say on the next page why a session ended that hung on a cookie of its upstream's."""
    source = catalogue.of_session(was.source)
    if source and hasattr(request, "_messages"):
        said = _("You are signed out here, because you are no longer signed in there: %(source)s")
        messages.info(request, said % {"source": source.label})


def own_renewal(view_func: Any) -> Any:
    """Mark a view that renews the session itself, and answers what the upstream said."""
    view_func.own_renewal = True
    return view_func


def leaves_by(pressed: Callable[[HttpRequest], bool]) -> Callable[[Any], Any]:
    """Mark a view by which a person leaves, by the requests that are `pressed`.

    What their session holds is not renewed first: an upstream that refuses would take with it what
    leaving there needs. A session that hangs on a cookie is still compared with it.
    """

    def mark(view_func: Any) -> Any:
        view_func.leaves_by = pressed
        return view_func

    return mark


def _renews_itself(view_func: Any, request: HttpRequest) -> bool:
    """Tell whether a session is not to be renewed before the view. One that hangs on a cookie is
    compared with it before every view.
    """
    session: Any = request.session
    if session.typed.bound_to:
        return False
    pressed = getattr(view_func, "leaves_by", None)
    return getattr(view_func, "own_renewal", False) or bool(pressed and pressed(request))


def no_use(view_func: Any) -> Any:
    """Mark a view whose asking does not prolong the session, nor renew it."""
    view_func.is_no_use = True
    return view_func


def polled(view_func: Any) -> Any:
    """Mark a view that pages ask by themselves: at a shared computer it prolongs nothing."""
    view_func.is_polled = True
    return view_func


def leaves(view_func: Any) -> Any:
    """Mark a view that does nothing but leave, by any request (`leaves_by`), and lets a browser go
    although no database says whose session it has.
    """
    view_func.leaves = True
    return leaves_by(lambda request: True)(view_func)


def is_json_route(request: HttpRequest) -> bool:
    """Tell whether the view answers JSON to everybody."""
    return answers_json(getattr(request.resolver_match, "func", None))


def answers_json(view_func: Any) -> bool:
    """Tell whether a view answers JSON to everybody: DRF's carry their class, others a mark."""
    return hasattr(view_func, "cls") or getattr(view_func, "answers_json", False)


def wants_page(request: HttpRequest) -> bool:
    """Tell whether a browser is navigating, as against a script or a device that calls."""
    if request.headers.get("X-Requested-With") or not request.accepts("text/html"):
        return False
    return request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"


def _refuse_nul(request: HttpRequest) -> None:
    """Refuse the character NUL, which PostgreSQL cannot store."""
    if "\0" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
        raise InvalidRequest("A character in the address is not allowed.")
