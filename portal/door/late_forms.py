"""The form of a sign-in that comes after the sign-in: sent twice, or from another tab. The first
has turned the CSRF token, so the second brings an old one. So does the answer to a question of an
application or a device: its view's `asks_anew` says where it is asked once more. A form by which
nobody can be harmed counts all the same: signing out, another language.
"""

from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, UnreadablePostError

from accounts.login import lockout
from accounts.middleware import wants_page
from accounts.models import User
from accounts.models.users import username_key
from accounts.source import catalogue
from accounts.source.catalogue import ConfiguredSource
from portal.door import anew, concluding, forms, incoming, routes, second, wishes
from portal.door.destinations import safe_destination

_FORM, _STEP = "auth-login", "login-second"
_SIGN_INS = frozenset({_FORM, "passkey-sign-in", _STEP})
# What asks for more than to be signed in: to add a way in, to leave first, to keep a secret.
_MORE = (forms.LINK, "switch", anew.BUTTON, "offer")
# What has a form at its own address, for whoever sent one too late.
_FORMS = frozenset({_FORM, _STEP, "password-forgotten", "password-change", "device"})
# What is a page with buttons at its own address. So is all of the administration.
_PAGES = frozenset(
    {
        "account-sessions", "account-devices", "account-sign-ins", "account-apps",
        "account-app-passwords", "account-passkeys", "account-delete", "second-factor",
        "recovery-codes",
    }
)  # fmt: skip
# Django's word for a token that came in the form and is not the browser's any more. It has judged
# `Origin` and `Referer` before that, so no foreign page comes here.
_OLD_TOKEN = "CSRF token from POST incorrect."  # noqa: S105  # no secret
_OF_ORIGIN = ("Origin", "Referer")


def counts_late(view_func: Any) -> Any:
    """Mark a view whose form counts although its token is old, since it harms nobody who sent it
    from a page of this site.
    """
    view_func.counts_late = True
    return view_func


def counts(request: HttpRequest, reason: str) -> bool:
    """Tell whether such a form counts: it is a page's of this very site, as its `Origin` says
    (RFC 6454, 7.3), and only its token is old.
    """
    own = f"{request.scheme}://{request.get_host()}"
    is_own = request.headers.get("Origin") == own and wants_page(request)
    view = getattr(request.resolver_match, "func", None)
    return is_own and reason == _OLD_TOKEN and getattr(view, "counts_late", False)


def leads_to(request: HttpRequest, reason: str) -> str:
    """Return the address to which such a form leads a person who is signed in; nothing for every
    other form, and every other `reason`. Nothing in it is decided, and nothing changes.
    """
    session, match = incoming.session_of(request), request.resolver_match
    if reason != _OLD_TOKEN or not session.is_logged_in or not wants_page(request):
        return ""
    asks_anew = getattr(match.func, "asks_anew", None) if match else None
    if asks_anew:
        return str(asks_anew(request))
    if match is None or match.url_name not in _SIGN_INS or any(map(request.POST.get, _MORE)):
        return ""
    if match.url_name == _STEP and second.pending_of(request):
        return ""  # somebody's, who has not signed in by it yet
    next_url = safe_destination(request.POST.get("next"))
    source = catalogue.find(match.kwargs.get("slug", session.source))
    if source and match.url_name == _FORM and not _is_own(request, source):
        along = {"next": next_url, "switch": "1", **wishes.carried(request)}
        return routes.login_path(source.slug, **along)
    return concluding.landing(source, session, next_url)


def said_of(reason: str) -> str:
    """Return the sentence for a script whose write Django has refused for `reason`."""
    if reason.startswith(_OF_ORIGIN):
        return "The page that sends this is of an origin that is not configured here."
    return "X-CSRFToken is missing or old: each answer to a GET of /auth/session brings it."


def address_of(request: HttpRequest) -> str:
    """Return the address at which whoever sent a form fills it in anew; nothing where it has none,
    or was too large. A sign-in still leads to where it would have led.
    """
    match = request.resolver_match
    if match is None or match.namespaces or match.url_name not in _FORMS:
        return ""
    try:
        asks_more = any(map(request.POST.get, _MORE))
    except (SuspiciousOperation, UnreadablePostError):
        return ""
    if asks_more:
        return ""
    if match.url_name != _FORM:
        return request.get_full_path()
    next_url = safe_destination(request.POST.get("next"))
    return routes.login_path(match.kwargs["slug"], next=next_url, **wishes.carried(request))


def page_of(request: HttpRequest) -> str:
    """Return the address of the page with the button that was pressed too late, as the view's
    `begins_anew` says or its own; nothing where it has none, or was too large.
    """
    match = request.resolver_match
    begins_anew = getattr(match.func, "begins_anew", None) if match else None
    if begins_anew:
        try:
            return str(begins_anew(request))
        except (SuspiciousOperation, UnreadablePostError):
            return ""
    if match is None or not (match.url_name in _PAGES or match.namespaces == ["admin"]):
        return ""
    return request.get_full_path()


def _is_own(request: HttpRequest, source: ConfiguredSource) -> bool:
    """Tell whether the posted name is one of whoever is signed in by the source."""
    person = request.user
    if source.slug != incoming.session_of(request).source or source.kind != "form":
        return False
    if not isinstance(person, User):
        return False
    typed = forms.identifier_of(request, source)
    if username_key(typed) == person.username_key:
        return True
    key = lockout.name_key(source.slug, typed)
    return person.identities.filter(source=source.row, name_key=key).exists()
