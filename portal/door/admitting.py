"""The end of a login: the request goes on as the person who has just signed in."""

from django.http import HttpRequest
from django.middleware.csrf import rotate_token

from accounts.login.sign_in import SignedIn


def admit(request: HttpRequest, done: SignedIn) -> None:
    """Put the new session in the place of the request's own, as Django's `login` does, but that
    nobody is signalled.

    A CSRF token is turned where the browser has one; else the first page with a form makes it.
    """
    request.session, request.user = done.store, done.user
    if "CSRF_COOKIE" in request.META:
        rotate_token(request)
