"""Small sealed cookies: what the site must remember of a browser that nobody is signed in with."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponseBase

from accounts.keyring import Unreadable, seal, unseal
from portal import conf

RECEIPT = "vestibule-receipt"
LEFT = "vestibule-left"
RETURN = "vestibule-return"
POSTED = "vestibule-post"
STARTED = "vestibule-started"


def put(
    response: HttpResponseBase, name: str, sealed: str, seconds: int, *, path: str = "/"
) -> None:
    """Set a cookie that only this site reads: HttpOnly, SameSite=Lax, Secure on https."""
    response.set_cookie(
        name,
        sealed,
        max_age=seconds,
        path=path,
        secure=conf.cookies_are_secure(),
        httponly=True,
        samesite="Lax",
    )


def remember(
    response: HttpResponseBase, name: str, value: Any, seconds: int, *, path: str = "/"
) -> None:
    """Seal `value` into the cookie `name` for `seconds`."""
    put(response, name, seal(value, name), seconds, path=path)


def recall(request: HttpRequest, name: str) -> Any:
    """Return what the cookie `name` holds, or None when it is missing or not ours."""
    sealed = request.COOKIES.get(name)
    if not sealed:
        return None
    try:
        return unseal(sealed, name)
    except Unreadable:
        return None


def forget(response: HttpResponseBase, name: str, *, path: str = "/") -> None:
    """Take the cookie `name` back."""
    response.delete_cookie(name, path=path, samesite="Lax")
