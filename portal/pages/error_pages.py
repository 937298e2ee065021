"""The pages for what went wrong outside a sign-in."""

from functools import partial

import structlog
from django.http import HttpRequest, HttpResponse, HttpResponseServerError, JsonResponse
from django.template import loader

from accounts import events
from accounts.middleware import wants_page
from portal.door import answers

log = structlog.get_logger("vestibule.pages")


def _refuse(
    status: int,
    error: str,
    template: str,
    request: HttpRequest,
    exception: Exception | None = None,
    reason: str = "",
) -> HttpResponse:
    code = events.new_support_code()
    log.info("page.refused", status=status, support_code=code)
    if not wants_page(request):
        body = _body(error, code)
        return JsonResponse(body, status=status, headers={"Cache-Control": "no-store"})
    return answers.page(request, template, {"code": code}, status)


bad_request = partial(_refuse, 400, "invalid_request", "errors/400.html")
permission_denied = partial(_refuse, 403, "access_denied", "errors/403.html")
not_found = partial(_refuse, 404, "invalid_request", "errors/404.html")
csrf_failure = partial(_refuse, 403, "access_denied", "errors/csrf.html")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a defect of ours: nothing here may depend on a database, a session or a setting."""
    code = events.new_support_code()
    log.error("page.server_error", support_code=code)
    if not wants_page(request):
        return JsonResponse(_body("server_error", code), status=500)
    page = loader.get_template("errors/500.html").render({"code": code})
    return HttpResponseServerError(page)


def _body(error: str, code: str) -> dict[str, str]:
    return {"error": error, "error_description": f"Support code {code}."}
