"""What a view requires of the session: for Django's views, as `SignedIn` is for those of the API
(docs/strength.md 3).
"""

from collections.abc import Callable, Collection
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponseBase

from accounts import strength
from accounts.session import access
from portal.door import incoming

View = Callable[..., HttpResponseBase]
# A browser on a slow way back from its sign-in still finds the proof recent.
_LEAST_AGE = 60


def require_session(
    *,
    types: Collection[str] = (),
    groups: Collection[str] = (),
    acr: str = "",
    max_age: int | None = None,
) -> Callable[[View], View]:
    """Return the decorator of a view for people with such a session, as `access.require` has it:
    `acr` is `low`, `substantial` or `high`, `max_age` at least 60 seconds.

    Whoever falls short is led to a sign-in and back, by GET; what is no browser gets 401 and the
    challenge (RFC 9470, 3). Raises `ValueError` at once for a word that is no strength.
    """
    wanted = strength.named(acr)
    if acr and wanted is None:
        raise ValueError(f"{acr!r} is no strength")
    if max_age is not None and max_age < _LEAST_AGE:
        raise ValueError(f"max_age is at least {_LEAST_AGE} seconds")

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            session = incoming.session_of(request)
            access.require(session, types=types, groups=groups, acr=wanted, max_age=max_age)
            return view(request, *args, **kwargs)

        guarded.strength = acr  # type: ignore[attr-defined]  # what strangers are asked for at once
        return guarded

    return decorate
