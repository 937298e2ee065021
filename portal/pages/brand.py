"""The institution's face: its name and contact on every page, its colour as a stylesheet.

Whatever colour is configured, every pair of text and background reaches 4.5 : 1 (WCAG 2.2, 1.4.3):
the colour is kept for surfaces, and made darker or lighter, in its own hue, where it must be read.
"""

import colorsys
import re
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from portal import conf
from portal.door import incoming
from portal.pages import staying

# The default colour, and the surfaces of portal/static/vestibule.css on which links are read: the
# darkest of its light ones and the lightest of its dark ones, so that the others only do better.
DEFAULT = "#1b4d4f"
LIGHT_SURFACE = "#f1efe9"
DARK_SURFACE = "#282c30"
READABLE = 4.5
_STEPS = 50
A_DAY = 86_400

Rgb = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours made from one: `#rrggbb` each. `on_*` is the text that stands on a surface."""

    brand: str
    on_brand: str
    link_on_light: str
    link_on_dark: str
    on_link_on_dark: str


def normalised(colour: str) -> str:
    """Return `#rgb` or `#rrggbb` as lower-case `#rrggbb`, or "" for anything else."""
    short = re.fullmatch(r"#([0-9a-f])([0-9a-f])([0-9a-f])", colour.strip().lower())
    if short:
        return "#" + "".join(digit * 2 for digit in short.groups())
    long = re.fullmatch(r"#[0-9a-f]{6}", colour.strip().lower())
    return long.group() if long else ""


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two `#rrggbb` colours, 1 to 21 (WCAG 2.2, "contrast ratio")."""
    darker, lighter = sorted((_luminance(_rgb(one)), _luminance(_rgb(other))))
    return (lighter + 0.05) / (darker + 0.05)


def palette(colour: str) -> Palette:
    """Return the colours of a site with this colour; an invalid one counts as the default."""
    brand = normalised(colour) or DEFAULT
    link_on_dark = _readable(brand, DARK_SURFACE, towards=1.0)
    return Palette(
        brand=brand,
        on_brand=_text_on(brand),
        link_on_light=_readable(brand, LIGHT_SURFACE, towards=0.0),
        link_on_dark=link_on_dark,
        on_link_on_dark=_text_on(link_on_dark),
    )


def institution(request: HttpRequest) -> dict[str, Any]:
    """Return the context of every page: `institution`, `session` and when that `ends`, and whether
    there are `app_passwords`.

    A request that never met the session middleware belongs to nobody.
    """
    offered = {"app_passwords": conf.app_passwords(), "ends": staying.ends_of(request)}
    return {**face(), **offered, "session": incoming.session_of(request)}


def face() -> dict[str, Any]:
    """Return the `institution` of a page's context."""
    configured = conf.institution()
    return {
        "institution": {
            **configured,
            "colour": normalised(configured["colour"]),
            "support_url": support_url(configured["support"]),
        }
    }


def support_url(support: str) -> str:
    """Return the link for a support contact: an address, a mailbox or a telephone number.

    Anything else, such as "Ask at the desk", is a sentence and has no link: "" is returned.
    """
    if re.match(r"https?://", support):
        return support
    if re.fullmatch(r"[^\s@:/]+@[^\s@:/]+", support):
        return f"mailto:{support}"
    if re.fullmatch(r"\+?[\d\s()./-]{3,}", support):
        return "tel:" + re.sub(r"[^\d+]", "", support)
    return ""


@login_not_required
@require_safe
def stylesheet(_request: HttpRequest) -> HttpResponse:
    """Return the institution's colours as custom properties. Kept by browsers for a day."""
    colours = palette(conf.institution()["colour"])
    css = (
        f":root{{--brand:{colours.brand};--on-brand:{colours.on_brand};"
        f"--action:{colours.brand};--on-action:{colours.on_brand};"
        f"--link:{colours.link_on_light}}}\n"
        "@media (prefers-color-scheme:dark){:root{"
        f"--action:{colours.link_on_dark};--on-action:{colours.on_link_on_dark};"
        f"--link:{colours.link_on_dark}}}}}\n"
    )
    response = HttpResponse(css, content_type="text/css; charset=utf-8")
    response["Cache-Control"] = f"max-age={A_DAY}"
    return response


def _readable(colour: str, surface: str, *, towards: float) -> str:
    """Return the shade nearest to `colour` that is read on `surface`.

    `towards` is 0 for darker and 1 for lighter; the last step is black or white itself.
    """
    hue, lightness, saturation = colorsys.rgb_to_hls(*(c / 255 for c in _rgb(colour)))
    shade = colour
    for step in range(1, _STEPS + 1):
        if contrast(shade, surface) >= READABLE:
            break
        level = lightness + (towards - lightness) * step / _STEPS
        shade = _hex(colorsys.hls_to_rgb(hue, level, saturation))
    return shade


def _text_on(surface: str) -> str:
    """Return black or white, whichever is read better. One of them always reaches 4.58 : 1."""
    return max("#ffffff", "#000000", key=lambda text: contrast(text, surface))


def _hex(parts: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(part * 255):02x}" for part in parts)


def _rgb(colour: str) -> Rgb:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(rgb: Rgb) -> float:
    """Return the relative luminance of a colour, 0 to 1 (WCAG 2.2, "relative luminance")."""
    red, green, blue = (
        c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
