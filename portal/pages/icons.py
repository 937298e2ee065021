"""The icon in the institution's colour, and what crawlers and password managers look for."""

import struct
import zlib
from functools import lru_cache

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_safe

from portal import conf
from portal.door import answers
from portal.pages import brand

_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
    '<rect width="32" height="32" rx="7" fill="{brand}"/>'
    '<path d="M8 26V14a8 8 0 0 1 16 0v12h-4V14a4 4 0 0 0-8 0v12z" fill="{on_brand}"/></svg>'
)
_SIZE = 180
_ROBOTS = "User-agent: *\nDisallow: /account/\nDisallow: /admin/\nDisallow: /auth/\n"


@login_not_required
@require_safe
def icon(_request: HttpRequest) -> HttpResponse:
    """Return the door as SVG."""
    colours = brand.palette(conf.institution()["colour"])
    svg = _SVG.format(brand=colours.brand, on_brand=colours.on_brand)
    return _kept(HttpResponse(svg, content_type="image/svg+xml"))


@login_not_required
@require_safe
def touch_icon(_request: HttpRequest) -> HttpResponse:
    """Return the door as PNG, for a telephone's home screen, which takes no SVG."""
    colours = brand.palette(conf.institution()["colour"])
    return _kept(HttpResponse(_png(colours.brand, colours.on_brand), content_type="image/png"))


@login_not_required
@require_safe
def formerly(_request: HttpRequest) -> HttpResponse:
    """Lead to the icon, for browsers and pages that look for it at the root."""
    return HttpResponseRedirect("/icon.svg")


@login_not_required
@require_safe
def robots(_request: HttpRequest) -> HttpResponse:
    """Return what crawlers may fetch (RFC 9309). Pages say themselves that no index holds them."""
    return _kept(HttpResponse(_ROBOTS, content_type="text/plain; charset=utf-8"))


@login_not_required
@require_safe
def change_password(_request: HttpRequest) -> HttpResponse:
    """Lead a password manager to the page ("A Well-Known URL for Changing Passwords", 3)."""
    return answers.see_other("/account/password")


def _kept(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = f"max-age={brand.A_DAY}"
    return response


@lru_cache(maxsize=4)
def _png(ground: str, door: str) -> bytes:
    """Draw the door of `_SVG`, without its round corners: a telephone makes its own."""
    colours = [bytes.fromhex(each[1:]) for each in (ground, door)]
    steps = [(each + 0.5) * 32 / _SIZE for each in range(_SIZE)]
    rows = b"".join(b"\0" + b"".join(colours[_is_door(x, y)] for x in steps) for y in steps)
    head = struct.pack(">IIBBBBB", _SIZE, _SIZE, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*each) for each in parts)


def _is_door(x: float, y: float) -> bool:
    across = abs(x - 16)
    away = (across**2 + (y - 14) ** 2) ** 0.5 if y < 14 else across
    return y <= 26 and 4 <= away <= 8


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
