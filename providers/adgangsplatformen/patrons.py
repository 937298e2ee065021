"""Who a patron is. The CMS gives a token and no name or number, so others are asked with it.

Adgangsplatformen's userinfo (docs/threats.md 2.2) knows each person; FBS (2.4) knows the patrons of
one library, with name and status. Both are optional. Without either, a patron is known only for as
long as the token lives: the digest of the token stands for them. The token of the next sign-in is
another one, so that this makes a new person each time, which the self-test says.
"""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from accounts import errors
from accounts.errors import AccessDenied, InvalidGrant, ProtocolError, TemporarilyUnavailable
from accounts.http import Client
from accounts.keyring import digest
from accounts.provider import Authentication
from accounts.strength.levels import Strength
from providers.adgangsplatformen.client import Budget, Cms
from providers.adgangsplatformen.cookies import TRIED, CmsCookie
from providers.adgangsplatformen.settings import CmsSettings

# What a subject begins with. A fleeting one lasts only as long as its token.
PERSON, PATRON, FLEETING = "person:", "patron:", "login:"
REGISTERED, UNREGISTERED = "VALID", "INVALID"
SEVERAL = "The browser brought cookies of several patrons, or more than are looked at."
_LARGEST = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Card:
    """What FBS says: whether the person is a patron of the library, their number and name."""

    status: str = ""
    number: str = ""
    name: str = ""


def authenticate(
    settings: CmsSettings,
    cms: Cms,
    http: Client,
    mine: list[CmsCookie],
    now: datetime,
    *,
    alike: bool = False,
) -> Authentication | None:
    """Return whose cookies these are, or None when the CMS knows no patron by any.

    A patron who is refused does not hide another behind them, unless all must be `alike`: then
    each cookie is asked about, and one of another patron is refused. Raises what `find` raises.
    """
    budget = Budget()
    ask = partial(_first, settings, cms, http, budget, now)
    try:
        return _all_alike(ask, mine) if alike else ask(mine)
    except TemporarilyUnavailable as error:
        error.answered = budget.vain
        raise


def _first(
    settings: CmsSettings,
    cms: Cms,
    http: Client,
    budget: Budget,
    now: datetime,
    mine: list[CmsCookie],
) -> Authentication | None:
    left = list(mine)
    refused: AccessDenied | InvalidGrant | None = None
    while found := cms.first_token(left, budget, now):
        cookie, tokens = found
        try:
            subject, name = find(settings, http, tokens.access_token, budget)
        except (AccessDenied, InvalidGrant) as error:
            refused, left = refused or error, left[left.index(cookie) + 1 :]
            budget.vain += 1
            continue
        return Authentication(
            subject=subject,
            issuer=settings.origin,
            name=name,
            acr=Strength.LOW.word,  # a number and a PIN, as far as the CMS tells
            tokens=tokens,
            expires_at=tokens.expires_at,
            bound_to=cookie.digest,
        )
    if refused:
        raise refused
    return None


def _all_alike(
    ask: Callable[[list[CmsCookie]], Authentication | None], mine: list[CmsCookie]
) -> Authentication | None:
    """Return the only patron of all these cookies. Whoever stands below the CMS's domain can give a
    browser a cookie that comes first, so the first is not believed. Raises `InvalidGrant`.
    """
    if len(mine) > TRIED:
        raise InvalidGrant(SEVERAL)
    known = [found for each in mine if (found := ask([each]))]
    if len({each.subject for each in known}) > 1:
        raise InvalidGrant(SEVERAL)
    return known[0] if known else None


def find(settings: CmsSettings, http: Client, token: str, budget: Budget) -> tuple[str, str]:
    """Return whose token this is: the subject, which is fleeting or for good, and the name.

    Raises `AccessDenied` for somebody who is no patron of the library, or locked out by it, where
    only its patrons come in, `InvalidGrant` when the token is refused or names nobody, and
    `TemporarilyUnavailable`.
    """
    subject = _person(settings, http, token, budget) if settings.userinfo_url else ""
    card = _card(settings, http, token, budget, needed=settings.registered_only or not subject)
    if settings.registered_only and card.status != REGISTERED:
        unknown = card.status == UNREGISTERED
        raise AccessDenied(
            "The library's own register does not let this patron in.",
            reason=errors.NOT_REGISTERED if unknown else errors.NOT_AUTHORIZED,
        )
    if not subject and card.number:
        subject = f"{PATRON}{card.number}"
    return subject or f"{FLEETING}{digest(token)}", card.name


def explanation(description: str) -> tuple[str, str] | None:
    """Return why somebody was not added to an account, and what to do; None for all else."""
    if description != SEVERAL:
        return None
    return (
        _("This browser is signed in at the library as more than one person. Nothing was added."),
        _("Sign out at the library, remove its cookies from this browser, and add it once more."),
    )


def _person(settings: CmsSettings, http: Client, token: str, budget: Budget) -> str:
    """Return the person of a token: by CPR number, else unique id, as the CMS itself does (1.4)."""
    told = _look_up(http, settings.userinfo_url, token, budget)
    attributes = told.get("attributes")
    held = attributes if isinstance(attributes, dict) else {}
    for word in ("cpr", "uniqueId"):
        found = held.get(word)
        if isinstance(found, str) and found.strip() and found.isprintable():
            secret, known = settings.subject_key.encode(), f"{word}:{found.strip()}".encode()
            return f"{PERSON}{hmac.new(secret, known, hashlib.sha256).hexdigest()}"
    raise InvalidGrant("Adgangsplatformen names nobody.")


def _card(
    settings: CmsSettings, http: Client, token: str, budget: Budget, *, needed: bool
) -> _Card:
    """Return what FBS says. Trouble is none of the person's when only the name is missing."""
    if not settings.patron_url:
        return _Card()
    try:
        return _read(_look_up(http, settings.patron_url, token, budget))
    except ProtocolError:
        if needed:
            raise
        return _Card()


def _read(told: dict[str, Any]) -> _Card:
    status, patron = told.get("authenticateStatus"), told.get("patron")
    if not isinstance(status, str) or not (patron is None or isinstance(patron, dict)):
        raise TemporarilyUnavailable("The patron service's answer has another shape.")
    held = patron or {}
    number, name = held.get("patronId"), held.get("name")
    known = type(number) is int or (isinstance(number, str) and number.isalnum())
    return _Card(
        status,
        str(number)[:100] if status == REGISTERED and known else "",
        " ".join(name.split())[:300] if isinstance(name, str) and name.isprintable() else "",
    )


def _look_up(http: Client, url: str, token: str, budget: Budget) -> dict[str, Any]:
    """Return what a service answers to the bearer of a token (RFC 6750, 2.1)."""
    headers = {"Authorization": f"Bearer {token}"}
    answer = http.get(url, headers=headers, deadline=budget.next(), max_bytes=_LARGEST)
    if answer.status in {401, 403}:
        raise InvalidGrant("The patron's token is refused.")
    return answer.json_object("A look-up")
