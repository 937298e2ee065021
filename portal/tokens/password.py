"""The token pair for a password, for front ends that draw their own form."""

from __future__ import annotations

from django.db import transaction

from accounts.errors import AccessDenied, InvalidGrant, InvalidRequest
from accounts.models import Source, StoredSession
from accounts.provider import Visit
from accounts.session.store import end
from accounts.source import catalogue
from accounts.source.catalogue import ConfiguredSource
from portal import conf
from portal.door import signing_in
from portal.tokens import pair
from portal.tokens.token_errors import RefusedGrant


def source_of(slug: str) -> ConfiguredSource:
    """Return the source with a form by its slug. Raises `InvalidRequest` when there is none.

    An empty slug means the default source, else `local`, else the first. So a source that is added
    later never receives the passwords for another.
    """
    forms = {each.slug: each for each in catalogue.enabled() if each.kind == "form"}
    wanted = [slug] if slug else [conf.default_source(), Source.LOCAL, *forms]
    found = next((forms[each] for each in wanted if each in forms), None)
    if found is None:
        raise InvalidRequest("There is no source of this name that takes a password.")
    return found


def enter(source: ConfiguredSource, username: str, password: str, visit: Visit) -> pair.Pair:
    """Return the pair of a new session. The session ends again when its person may have no pair.

    Raises `RefusedGrant` when name and password do not fit, `TooManyRequests` when locked out,
    `AccessDenied` for people who are disabled, not registered or awaiting access, and
    `TemporarilyUnavailable`.
    """
    try:
        session = signing_in.enter_without_browser(source, username, password, visit)
    except InvalidGrant:
        raise RefusedGrant("The username or the password is wrong.") from None
    own = StoredSession.objects.filter(uid=session.uid)
    try:
        with transaction.atomic():
            return pair.issue(own.select_related("user").get())
    except AccessDenied:
        end(own)
        raise
