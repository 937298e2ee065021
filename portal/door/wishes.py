"""What an application wishes of a sign-in, on its way to the source that is chosen (OIDC Core,
3.1.2.1). It travels in the address of the sign-in, where anybody can write: so it is read strictly,
and what does not fit is left out.
"""

import re

from django.http import HttpRequest

_SHAPES = {
    "login_hint": re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]{1,255}"),
    "acr_values": re.compile(r"[\x21-\x7e]+( [\x21-\x7e]+)*"),
    "max_age": re.compile(r"[0-9]{1,9}"),
    "ui_locales": re.compile(r"[A-Za-z0-9-]+( [A-Za-z0-9-]+)*"),
}
_LONGEST = 255


def of(request: HttpRequest) -> dict[str, str]:
    """Return the wishes in the address of a request, by their names in OpenID Connect."""
    found = {}
    for name, shape in _SHAPES.items():
        given = request.GET.getlist(name)
        if len(given) == 1 and len(given[0]) <= _LONGEST and shape.fullmatch(given[0]):
            found[name] = given[0]
    return found
