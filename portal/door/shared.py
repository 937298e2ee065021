"""Computers that many people share: how one is known, and that nothing of a person stays there
(docs/shared-computers.md).
"""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from portal import conf
from portal.door import cookies, networks

# What a link, a form and the box on the sign-in page call it. It makes a session shorter, never
# longer, so whoever writes it into an address gains nothing.
NAME = "shared"
_HERE = "_vestibule_shared"
# For how long a browser that is not closed counts as a shared computer's.
_MARK_SECONDS = 86_400
# The beginnings of the names of our cookies; what the script of a front end reads; Django's own.
_OURS = ("vestibule", "vf-", "tokens_key", "authProvider", "csrftoken")
# Never "cookies": a browser would take those of all hosts of the domain (Clear Site Data, 4.2.1).
_CLEAR = '"cache", "storage"'


def is_network(address: str) -> bool:
    """Tell whether an address belongs to the computers that are always shared."""
    known = conf.shared_networks()
    return bool(known) and networks.is_among(address, known)


def by_network(request: HttpRequest) -> bool:
    """Tell whether the network says that the computer is shared. The address is the one that
    `portal.server` believes.
    """
    return is_network(request.META.get("REMOTE_ADDR", ""))


def is_told(request: HttpRequest) -> bool:
    """Tell whether the network says so, or the person does with this very request."""
    told = request.GET.get(NAME) or request.POST.get(NAME)
    return by_network(request) or bool(told)


def counts(request: HttpRequest, *, asked: bool) -> bool:
    """Tell whether a sign-in is at a shared computer. Where nobody is `asked` by the box, the mark
    says it.
    """
    return is_told(request) or (not asked and is_marked(request))


def is_marked(request: HttpRequest) -> bool:
    """Tell whether somebody has said so in this browser, since it was opened."""
    return by_network(request) or cookies.recall(request, cookies.SHARED) is True


def remember(request: HttpRequest, response: HttpResponse) -> None:
    """Mark the browser as a shared computer's, until it is closed. The mark names nobody."""
    mark(request)
    if not by_network(request):
        cookies.remember(response, cookies.SHARED, True, _MARK_SECONDS)


def box(request: HttpRequest) -> dict[str, bool]:
    """Return what a sign-in page says of it: `fact` where the network is known, else whether the
    box is `ticked`.
    """
    return {"fact": by_network(request), "ticked": counts(request, asked=False)}


def mark(request: HttpRequest) -> None:
    """Note that the answer to this request goes to a computer that is shared."""
    setattr(request, _HERE, True)


def is_here(request: HttpRequest) -> bool:
    """Tell whether the computer is known to be shared: by its network, by this request or by its
    session, as far as that was looked at.
    """
    store: Any = getattr(request, "session", None)
    # Only one that is there: whoever could not read it just now need not try and fail once more.
    known = hasattr(store, "_session_cache") and store.typed.shared
    return known or getattr(request, _HERE, False) or by_network(request)


def sweep(request: HttpRequest, response: HttpResponseBase, keep: frozenset[str]) -> None:
    """Let the browser forget what it holds of this site: its cache, its storage, and our cookies by
    name, but for the mark and those that `response` sets or `keep` names as on the wire.
    """
    response["Clear-Site-Data"] = _CLEAR
    kept = {*keep, cookies.named(cookies.SHARED)} | set(response.cookies)
    kept.add(conf.session_cookie())  # which Django takes back, where it was set
    for name in request.COOKIES.keys() - kept:
        if name.removeprefix(cookies.named("")).startswith(_OURS):
            cookies.take_back(response, name)


class NothingStays:
    """Middleware: at a shared computer each cookie ends with the browser, at the latest, and no
    page of a session is kept.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the answer, whose cookies have neither `Max-Age` nor `Expires`, but for those that
        are taken back (RFC 6265, 5.3).
        """
        response = self.get_response(request)
        is_page = response.get("Content-Type", "").startswith("text/html")
        if not (response.cookies or is_page) or not is_here(request):
            return response
        for cookie in response.cookies.values():
            if cookie["max-age"] != 0:
                cookie["max-age"] = cookie["expires"] = ""
        if is_page and "no-store" not in response.get("Cache-Control", ""):
            response["Cache-Control"] = "no-store"
        return response
