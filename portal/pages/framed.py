"""Logout in a frame of an upstream (OIDC Front-Channel Logout 1.0; docs/contract.md 6)."""

from urllib.parse import urlsplit

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.http import require_safe

from accounts.errors import InvalidRequest, ProtocolError, TooManyRequests
from accounts.login import lockout
from accounts.session import afar
from accounts.source import catalogue
from accounts.source.catalogue import ConfiguredSource
from portal.door import answers, incoming

_DOOR = "/auth/frontchannel"
_ONCE = ("iss", "sid")


@login_not_required
@require_safe
@xframe_options_exempt
def frontchannel(request: HttpRequest, slug: str) -> HttpResponse:
    """`GET /auth/frontchannel/<source>?iss&sid`: end that session of a browser, and say so.

    The page may be framed by the issuer's own origin and by nobody else. It answers a session that
    is here and one that is not alike. Without `iss` and `sid` nothing ends: a browser brings no
    cookies into a frame by which somebody could be known.
    """
    source = catalogue.of_session(slug)
    error = _refused(request, source)
    status = error.status if error else 200
    page = answers.page(request, "logout/framed.html", {"done": status == 200}, status)
    page["Pragma"] = "no-cache"  # 3
    if source and source.description.frontchannel:
        page._csp_replace = {"frame-ancestors": [_origin(source)]}  # type: ignore[attr-defined]
    return answers.with_retry_after(page, error) if error else page


def _refused(request: HttpRequest, source: ConfiguredSource | None) -> ProtocolError | None:
    """End the session; return why not. Only what is refused counts against its address."""
    try:
        _end(request, source)
    except ProtocolError as error:
        try:
            lockout.count_failure(incoming.visit(request), _DOOR)
        except TooManyRequests as over:
            return over
        return error
    return None


def _end(request: HttpRequest, source: ConfiguredSource | None) -> None:
    """Raise `InvalidRequest` for a source or a session that the query does not name rightly."""
    if source is None or any(len(request.GET.getlist(name)) != 1 for name in _ONCE):
        raise InvalidRequest("There must be one iss and one sid.")
    afar.end_by_frame(source, request.GET["iss"], request.GET["sid"])


def _origin(source: ConfiguredSource) -> str:
    """Return the origin of the issuer, as a content policy names it (CSP 3, 6.4.2)."""
    parts = urlsplit(source.description.issuer)
    return f"{parts.scheme}://{parts.netloc}"
