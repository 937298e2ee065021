"""The QR code of a device's address, as a picture that the device shows (RFC 8628, 3.3.1)."""

import io

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from accounts import conf
from portal.authorization_server.devices import user_code_of

_DAY = 86400


@login_not_required
@require_safe
def qr(request: HttpRequest, user_code: str) -> HttpResponse:
    """Return the QR code of `verification_uri_complete` as SVG. Nothing is looked up, so that it
    says nothing of whether a device waits. Raises `Http404` for what is no code of ours.
    """
    import segno  # half a megabyte that few pages need

    code = user_code_of(user_code)
    if not code:
        raise Http404
    url = f"{conf.site_url()}/device?user_code={code[:4]}-{code[4:]}"
    picture = io.BytesIO()
    segno.make(url, error="m", micro=False).save(picture, kind="svg", scale=6, light="#fff")
    response = HttpResponse(picture.getvalue(), content_type="image/svg+xml")
    response["Cache-Control"] = f"public, max-age={_DAY}"
    return response
