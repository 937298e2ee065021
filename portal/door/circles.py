"""A browser that goes round in circles: an application sends it to sign in, and the site, where
somebody is signed in, sends it back.
"""

from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from limits import RateLimitItemPerSecond

from accounts.errors import TooManyRequests
from accounts.login import lockout
from accounts.session.typed import Session
from portal.door import answers

# Each round is two redirects, of which browsers follow twenty. Two windows may meet.
_ROUNDS = RateLimitItemPerSecond(4, 20, namespace="circle")


def broken(request: HttpRequest, session: Session, url: str) -> HttpResponse | None:
    """Return the page for who is signed in and was sent on to the same page elsewhere again and
    again, since the cookie does not arrive there; None for everybody else.
    """
    if url.startswith("/"):
        return None
    try:
        lockout.spend(_ROUNDS, session.uid, url)
    except TooManyRequests:
        return page(request, urlsplit(url).netloc, url)
    return None


def page(request: HttpRequest, place: str, retry: str) -> HttpResponse:
    """Return the page for a browser that could not be recognised at the host `place`."""
    problem = {
        "title": gettext("You could not be signed in there"),
        "sentence": gettext("The way to %(place)s took too long, or your browser keeps no cookies.")
        % {"place": place},
        "advice": gettext("Try again. If it happens once more, allow cookies for that address."),
    }
    context = {"problem": problem, "retry": retry, "choose": "/"}
    return answers.page(request, "gateway/failed.html", context, 400)
