"""What the pages show of an offered secret, and of recovery codes, which are shown once."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString, mark_safe

from accounts.factors import totp
from accounts.factors.keeping import Offer
from accounts.models import User
from portal import conf
from portal.door import cookies, incoming

CODES_PATH = "/account/second-factor/codes"
_CODES = "vestibule-codes"
_SECONDS = 600


def offer(person: User, made: Offer) -> dict[str, Any]:
    """Return what `account/_offer.html` shows: the picture, the secret in groups of four, and how
    it travels in the form.
    """
    issuer = str(conf.institution()["name"])
    address = totp.address_of(made.secret, issuer, person.username)
    groups = [made.secret[at : at + 4] for at in range(0, len(made.secret), 4)]
    return {"picture": _picture(address), "groups": groups, "sealed": made.sealed}


def to_codes(
    request: HttpRequest, response: HttpResponse, codes: Sequence[str], next_url: str
) -> HttpResponse:
    """Lead to the page that shows these recovery codes, and from there to `next_url`. `response`
    keeps its cookies.
    """
    uid = incoming.session_of(request).uid
    cookies.remember(response, _CODES, [uid, list(codes), next_url], _SECONDS)
    response.status_code = 303
    response["Location"] = CODES_PATH
    return response


def codes_of(request: HttpRequest) -> tuple[list[str], str] | None:
    """Return the codes that this session has just been given, and where its person goes on to."""
    held = cookies.recall(request, _CODES)
    if not isinstance(held, list) or held[0] != incoming.session_of(request).uid:
        return None
    return held[1], held[2]


def forget_codes(response: HttpResponse) -> None:
    """Let the browser forget the codes: they were shown."""
    cookies.forget(response, _CODES)


def _picture(address: str) -> SafeString:
    """Return the QR code as SVG, drawn by attributes alone."""
    import segno  # half a megabyte that few pages need

    drawn = segno.make(address, error="m", micro=False)
    svg = drawn.svg_inline(scale=5, light="#fff", svgclass=None, lineclass=None, omitsize=True)
    return mark_safe(svg)  # noqa: S308  # of numbers alone: the text is in the picture
