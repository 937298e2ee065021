"""From a request to the values that the use cases take."""

from dataclasses import replace
from typing import Any

from django.http import Http404, HttpRequest

from accounts.errors import InvalidRequest
from accounts.provider import Description, Visit
from accounts.session import farewell
from accounts.session.typed import Session
from accounts.source import catalogue
from accounts.source.catalogue import ConfiguredSource
from accounts.upstream import cookie_header
from portal.door import cookies, devices, shared

# Parameters of an authorization response that must not be repeated (RFC 6749, 3.1).
_ONCE = ("code", "state", "iss", "error", "error_description", "id_token", "session_state")


def visit(request: HttpRequest) -> Visit:
    """Return who is at the door. The address is the one that `portal.server` believes."""
    return Visit(
        address=request.META.get("REMOTE_ADDR", ""),
        user_agent=request.headers.get("User-Agent", "")[:300],
        shared=shared.by_network(request),
    )


def visitor(request: HttpRequest) -> Visit:
    """Return who is at the door, and whom this browser is known as: whose budget of failures it is
    (accounts/login/lockout.py). A browser that holds a device cookie costs a query.
    """
    return replace(visit(request), known_as=devices.anybody(request))


def session_of(request: HttpRequest) -> Session:
    """Return the typed session of the request; anonymous when there is none."""
    store: Any = getattr(request, "session", None)
    return store.typed if store is not None else Session()


def person_id(request: HttpRequest) -> int:
    """Return the primary key of the person, which Django keeps in the session: no query."""
    return int(request.session["_auth_user_id"])


def number(request: HttpRequest, name: str) -> int:
    """Return the primary key that was posted as `name`; 0, which is nobody's, for what is none."""
    text = request.POST.get(name, "")
    return int(text) if text.isdecimal() and len(text) < 18 else 0


def refuse_nul(request: HttpRequest) -> None:
    """Raise `InvalidRequest` for a form with the character NUL, which PostgreSQL cannot store."""
    if any("\0" in each for _name, values in request.POST.lists() for each in values):
        raise InvalidRequest("A character in the form is not allowed.")


def source_or_404(slug: str) -> ConfiguredSource:
    """Return the enabled source. Raises `Http404` for an unknown or disabled one."""
    found = catalogue.find(slug)
    if found is None:
        raise Http404
    return found


def cookies_for(request: HttpRequest, description: Description) -> dict[str, str]:
    """Return the raw cookies that a provider declares, and no other."""
    raw = cookie_header.parse(request.META.get("HTTP_COOKIE", ""))
    return cookie_header.permitted(raw, description.cookies)


def cost(request: HttpRequest, source: ConfiguredSource) -> int:
    """Return how many cookies came about which the upstream may be asked."""
    return cookie_header.count(cookies_for(request, source.description))


def single_values(values: Any) -> dict[str, str]:
    """Return the parameters as a plain mapping. Raises `InvalidRequest` for a repeated one."""
    for name in _ONCE:
        if len(values.getlist(name)) > 1:
            raise InvalidRequest(f"The parameter {name} occurs more than once.")
    return {name: values[name] for name in values}


def beginning_of(path: str) -> str:
    """Return the first segment of a path, without what may be secret in the rest."""
    first, *rest = path.lstrip("/").split("/", 1)
    return f"/{first[:60]}" + ("/..." if rest else "")


def leads_away_on_purpose(request: HttpRequest) -> bool:
    """Tell whether a GET is a person's own click here: a top-level, same-site navigation."""
    headers = request.headers
    return (
        headers.get("Sec-Fetch-Site") in {"same-origin", "same-site"}
        and headers.get("Sec-Fetch-Mode") == "navigate"
        and headers.get("Sec-Fetch-Dest") == "document"
        and not headers.get("Sec-Purpose")
    )


def callback_source(request: HttpRequest, slug: str) -> ConfiguredSource:
    """Return whom an answer at `/auth/callback/<slug>` is for.

    An upstream that knows one address only (the CMS) answers at the name of its provider: the
    source that our marker names is meant, else the only one. Raises `Http404`.
    """
    alike = [
        each
        for each in catalogue.enabled()
        if slug in {each.slug, each.row.provider} and each.description.unsolicited
    ]
    marked = next((each for each in alike if cookies.marker(request, each)), None)
    only = alike[0] if len(alike) == 1 else None
    return marked or catalogue.find(slug) or only or source_or_404(slug)


def cut_off(request: HttpRequest) -> str:
    """Return why somebody had the session of this browser ended, one of `farewell.WORDS`, when it
    has just been found to be over; else nothing.
    """
    store: Any = request.session
    if session_of(request).is_logged_in:
        return ""
    why = store.cut_off or request.GET.get("why", "") or cookies.recall(request, cookies.WHY)
    return why if isinstance(why, str) and why in farewell.WORDS else ""
