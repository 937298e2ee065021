"""The pages for what went wrong outside a sign-in. A support code that one shows is an event's."""

import sys
from functools import partial

import structlog
from django.contrib.sessions.exceptions import SessionInterrupted
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseServerError, JsonResponse
from django.template import loader

from accounts import database
from accounts.cache import reasons
from accounts.middleware import CHALLENGE, is_json_route, wants_page
from portal.door import answers, late_forms, leaving, refused
from portal.pages import brand

_TEMPLATES = {
    "bad-request": "errors/400.html",
    "too-large": "errors/413.html",
    "forbidden": "errors/403.html",
    "not-found": "errors/404.html",
    "form-expired": "errors/csrf.html",
}
# The same for who asks for no page.
_SENTENCES = {
    "bad-request": "The request cannot be understood.",
    "too-large": "The request is too large.",
    "forbidden": "You may not open this.",
    "not-found": "There is nothing at this address.",
}
_DEFECT = "Something went wrong here, and not at your side."
_UNAVAILABLE = "The site cannot reach its database. Try again in a moment."
log = structlog.get_logger("vestibule.pages")


def _refuse(
    status: int,
    error: str,
    reason: str,
    request: HttpRequest,
    exception: Exception | None = None,
    *,
    sentence: str = "",
    **_more: str,
) -> HttpResponse:
    code = refused.record(request, status, reason)
    if is_json_route(request) or not wants_page(request):
        body = _body(error, sentence or _SENTENCES[reason], code)
        return JsonResponse(body, status=status, headers={"Cache-Control": "no-store"})
    context = {"code": code, "cookies": bool(request.COOKIES)}
    if reason == "form-expired":
        context["again"] = late_forms.address_of(request)
        context["page"] = late_forms.page_of(request)
    return answers.page(request, _TEMPLATES[reason], context, status)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer what cannot be understood. A request whose session was ended while it was under way
    is made once more, by nobody; one that would change something is refused. What is too large is
    told so, with 413 (RFC 9110, 15.5.14).
    """
    if isinstance(exception, RequestDataTooBig):
        return _refuse(413, "invalid_request", "too-large", request)
    if not isinstance(exception, SessionInterrupted):
        return _refuse(400, "invalid_request", "bad-request", request)
    if request.method in {"GET", "HEAD"}:
        return answers.see_other(request.get_full_path())
    if wants_page(request) and not is_json_route(request):
        return answers.see_other("/login")
    body = {"error": "login_required", "error_description": "The session has just ended."}
    headers = {"Cache-Control": "no-store", "WWW-Authenticate": CHALLENGE}
    return JsonResponse(body, status=401, headers=headers)


permission_denied = partial(_refuse, 403, "access_denied", "forbidden")
not_found = partial(_refuse, 404, "invalid_request", "not-found")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form without its token; `reason` is Django's, and no word for people. Whoever has
    signed in by another click or tab goes on to where the form of a sign-in would have led; who
    signs out from another tab is signed out.
    """
    match = request.resolver_match
    if match and late_forms.counts(request, reason):
        taken: HttpResponse = match.func(request, *match.args, **match.kwargs)
        return taken
    onward = late_forms.leads_to(request, reason)
    if onward:
        return answers.see_other(onward)
    said = late_forms.said_of(reason)
    return _refuse(403, "access_denied", "form-expired", request, sentence=said)


def unavailable(request: HttpRequest, *, left: bool = False) -> HttpResponse:
    """Answer that the database cannot be used, without it. `left`: the browser is let go.

    There is no support code: where it would be looked up nothing can be written. The browser keeps
    its CSRF token, since nobody has signed in: the form that it sends once more counts.
    """
    request.META["CSRF_COOKIE_NEEDS_UPDATE"] = False
    headers = {"Cache-Control": "no-store", "Retry-After": str(database.RETRY_AFTER)}
    if is_json_route(request) or not wants_page(request):
        body = {"error": "temporarily_unavailable", "error_description": _UNAVAILABLE}
        return JsonResponse(body, status=503, headers=headers)
    context = {**brand.face(), "left": left, "again": _again(request)}
    page = loader.get_template("errors/503.html").render(context)
    return HttpResponse(page, status=503, headers=headers)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a defect of ours: nothing here may depend on a database, a session or a setting.

    Django calls this while it handles the error, from wherever it came. One that says that the
    database cannot be used is no defect.
    """
    error = sys.exc_info()[1]
    if error and database.is_down(error):
        log.warning("page.database_unavailable", error=type(error).__name__, why=reasons.of(error))
        lets_go = getattr(request, "lets_go", False)
        answer = unavailable(request, left=lets_go)
        return leaving.let_go(request, answer) if lets_go else answer
    try:
        code = refused.record(request, 500, "server-error")
    except Exception:  # noqa: BLE001  # what broke the page may break this: no code is shown then
        code = ""
    log.error("page.server_error", support_code=code)
    if is_json_route(request) or not wants_page(request):
        body = _body("server_error", _DEFECT, code)
        return JsonResponse(body, status=500, headers={"Cache-Control": "no-store"})
    page = loader.get_template("errors/500.html").render({"code": code, "again": _again(request)})
    return HttpResponseServerError(page)


def _again(request: HttpRequest) -> str:
    """Return the address to ask for once more; nothing for what was sent by a form, which its
    browser sends once more when the page is loaded again.
    """
    return request.get_full_path() if request.method in {"GET", "HEAD"} else ""


def _body(error: str, sentence: str, code: str) -> dict[str, str]:
    more = f"Support code {code}." if code else "There were many such requests."
    return {"error": error, "error_description": f"{sentence} {more}"}
