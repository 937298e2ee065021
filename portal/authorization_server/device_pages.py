"""The pages on which a person lets a device in (RFC 8628, 3.3 and 5.4)."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods, require_safe

from accounts.errors import InvalidGrant, TooManyRequests
from accounts.models import StoredSession
from accounts.session import access
from accounts.session.typed import Session
from portal.authorization_server import consents, devices
from portal.authorization_server.models import DeviceGrant
from portal.door import answers, incoming, routes

PATH = "/device"
_PAGES = {DeviceGrant.APPROVED: f"{PATH}/allowed", DeviceGrant.REFUSED: f"{PATH}/denied"}


@login_not_required
@require_http_methods(["GET", "POST"])
def device(request: HttpRequest) -> HttpResponse:
    """Ask for the code that a device shows; then who asks, and Allow or Deny.

    The code may be brought along, before or after a sign-in. It is looked up only for who is signed
    in, and never decides by itself.
    """
    session = incoming.session_of(request)
    values = request.POST if request.method == "POST" else request.GET
    typed = values.get("user_code", "")
    code = devices.user_code_of(typed)
    if not typed:
        return _form(request)
    if not code:
        return _form(request, typed, "wrong")
    if not session.is_logged_in:
        return answers.see_other(routes.sign_in_path(_path(code)))
    access.require(session)
    if request.method == "POST" and "decision" not in request.POST:
        return answers.see_other(_path(code))
    try:
        devices.count_guess(incoming.person_id(request), incoming.visit(request))
    except TooManyRequests as error:
        return answers.refuse(request, error)
    if request.method == "POST":
        try:
            return _decide(request, session, code)
        except InvalidGrant:  # ended meanwhile, by another worker
            return answers.see_other(routes.sign_in_path(_path(code)))
    row = devices.waiting(code)
    return _question(request, row) if row else _form(request, typed, "unknown")


def _asked_anew(request: HttpRequest) -> str:
    code = devices.user_code_of(request.POST.get("user_code", ""))
    return _path(code) if code else ""


device.asks_anew = _asked_anew  # type: ignore[attr-defined]  # portal/door/late_forms.py


def _decide(request: HttpRequest, session: Session, code: str) -> HttpResponse:
    """Decide by the session of the person. Raises `InvalidGrant` when it has ended."""
    parent = StoredSession.objects.select_related("user").filter(uid=session.uid).first()
    if parent is None:
        raise InvalidGrant("The session has ended.")
    visit = incoming.visit(request)
    if request.POST["decision"] == "allow":
        devices.approve(code, parent, session, visit)
    else:
        devices.refuse(code, parent, visit)
    page = _PAGES.get(
        devices.answer_of(code, incoming.person_id(request))
    )  # a second click decides nothing
    return answers.see_other(page) if page else _form(request, "", "answered")


@require_safe
def allowed(request: HttpRequest) -> HttpResponse:
    """Say that the device goes on by itself."""
    return answers.page(request, "device/done.html", {"allowed": True})


@require_safe
def denied(request: HttpRequest) -> HttpResponse:
    """Say that the device was turned away."""
    return answers.page(request, "device/done.html", {"allowed": False})


def _form(request: HttpRequest, typed: str = "", problem: str = "") -> HttpResponse:
    context = {"typed": typed[:40], "problem": problem}
    return answers.page(request, "device/code.html", context, 400 if problem else 200)


def _question(request: HttpRequest, row: DeviceGrant) -> HttpResponse:
    context = {
        "client": row.application.name or row.application.client_id,
        "words": consents.in_words(row.scope.split(), row.resource),
        "code": f"{row.user_code[:4]}-{row.user_code[4:]}",
        "device": _device_of(row),
        "asked": row,
    }
    return answers.page(request, "device/confirm.html", context)


def _device_of(row: DeviceGrant) -> str:
    """Return what a device said of itself, as a person reads it."""
    return row.user_agent.split(" ", 1)[0][:60]


def _path(code: str) -> str:
    return f"{PATH}?user_code={code[:4]}-{code[4:]}"
