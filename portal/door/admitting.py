"""The end of a login: the request goes on as the person who has just signed in."""

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token

from accounts.login.sign_in import SignedIn
from portal.door import cookies

# What a browser holds of a session that has ended, or of a refusal, which a sign-in makes untrue.
_OVER = (cookies.RECEIPT, cookies.RETURN, cookies.AGAIN, cookies.REFUSED, cookies.WHY)


def admit(request: HttpRequest, done: SignedIn) -> None:
    """Put the new session in the place of the request's own, as Django's `login` does, but that
    nobody is signalled.

    A CSRF token is turned where the browser has one; else the first page with a form makes it.
    """
    request.session, request.user = done.store, done.user
    if "CSRF_COOKIE" in request.META:
        rotate_token(request)


def forget_before(request: HttpRequest, response: HttpResponse) -> None:
    """Let the browser of who has just signed in forget who left it before, and where they went."""
    for name in _OVER:
        if cookies.named(name) in request.COOKIES:
            cookies.forget(response, name)
