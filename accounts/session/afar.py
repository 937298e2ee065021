"""Ending from afar: an upstream tells that a session is over there (docs/contract.md 6).

A signed token ends what it names with the devices and applications under it (OpenID Connect
Back-Channel Logout 1.0). An address that a browser opens in a frame is signed by nobody, so it ends
one browser's session and nothing else (OpenID Connect Front-Channel Logout 1.0).
"""

from datetime import UTC, datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from accounts import events
from accounts.errors import InvalidGrant, InvalidRequest
from accounts.keyring import digest
from accounts.models import SpentLogoutToken, StoredSession, clearing
from accounts.provider import Authentication, Ended, VerifiesLogoutToken
from accounts.session import farewell, people
from accounts.session.ending import end
from accounts.source.catalogue import ConfiguredSource
from accounts.statements import Existence

WHY = "by the source"
# Longer than a logout token is believed, and than a sign-in takes from its id_token to its end.
_REMEMBERED = timedelta(hours=1)


def end_by_token(source: ConfiguredSource, raw: str) -> int:
    """End what the logout token `raw` names: the session of its `sid`, else all of its `sub`, with
    what hangs on them (2.7). Returns how many sessions ended.

    The keys may be fetched for it, before any transaction begins. Raises `InvalidRequest` for a
    token that is not valid or was used before, of parallel uses one counts, and
    `TemporarilyUnavailable` when the keys cannot be had.
    """
    if not isinstance(source.provider, VerifiesLogoutToken) or not source.description.backchannel:
        raise InvalidRequest("This source ends no sessions by a logout token.")
    told = source.provider.verify_logout_token(raw)
    with transaction.atomic():
        _spend(source, told)
        gone = _end_with_children(source, told)
    # A sign-in that looked for this token before it was stored has stored its session by now.
    return gone + _end_with_children(source, told)


def end_by_frame(source: ConfiguredSource, issuer: str, sid: str) -> int:
    """End the browser's session that the upstream knows by `sid` (Front-Channel Logout, 2). What
    was issued to devices lives on. Returns how many sessions ended.

    Raises `InvalidRequest` when the source is told of no logout so, or by another issuer.
    """
    told = source.description
    if not told.frontchannel or not told.issuer or issuer != told.issuer:
        raise InvalidRequest("This source ends no sessions of this issuer.")
    if not sid or len(sid) > 255 or not sid.isprintable():
        raise InvalidRequest("The sid is missing or too long.")
    browsers = StoredSession.objects.filter(kind=StoredSession.Kind.BROWSER)
    with transaction.atomic():
        rows = end(browsers.filter(source=source.slug, issuer=issuer, sid=sid))
        farewell.say(rows, farewell.SOURCE)
        events.record_ended(rows, WHY)
    return len(rows)


def refuse_ended(source: ConfiguredSource, outcome: Authentication, uid: str) -> None:
    """End the session `uid`, which has just been stored, when the source has ended what `outcome`
    proves since it was proved. Raises `InvalidGrant` then.

    Asked once the session is stored: either the sign-in finds the token here, or the token finds
    the session.
    """
    if source.description.backchannel and _has_ended(source, outcome):
        with transaction.atomic():
            events.record_ended(end(StoredSession.objects.filter(uid=uid)), WHY)
        raise InvalidGrant("The source has ended this session meanwhile.")


def _has_ended(source: ConfiguredSource, outcome: Authentication) -> bool:
    issuer, since = outcome.issuer, outcome.issued_at or _LONG_AGO
    subject = _name(source, issuer, "sub", outcome.subject)
    if not outcome.sid:
        return _of_subject.holds(subject=subject, since=since)
    sid = _name(source, issuer, "sid", outcome.sid)
    return _of_session.holds(subject=subject, sid=sid, since=since)


def _session_meant(subject: str, sid: str, since: datetime) -> Q:
    named = Q(sid_digest=sid) | Q(subject_digest=subject, sid_digest="")
    return named & Q(issued_at__gte=since)


def _subject_meant(subject: str, since: datetime) -> Q:
    return Q(subject_digest=subject, issued_at__gte=since)


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_of_subject = Existence(SpentLogoutToken, _subject_meant, subject="subject", since=_LONG_AGO)
_of_session = Existence(
    SpentLogoutToken, _session_meant, subject="subject", sid="sid", since=_LONG_AGO
)


def clear_expired() -> int:
    """Delete the spent tokens that nobody would believe any more. Returns their number."""
    over = SpentLogoutToken.objects.filter(expires_at__lt=timezone.now())
    return clearing.delete(over.order_by("expires_at"))


def _spend(source: ConfiguredSource, told: Ended) -> None:
    """Store that the token was used. Raises `InvalidRequest` when it was used before (2.6)."""
    now = timezone.now()
    try:
        with transaction.atomic():
            SpentLogoutToken.objects.create(
                digest=_name(source, told.issuer, "jti", told.jti),
                sid_digest=_name(source, told.issuer, "sid", told.sid),
                subject_digest=_name(source, told.issuer, "sub", told.subject),
                issued_at=told.issued_at or now,
                expires_at=now + _REMEMBERED,
            )
    except IntegrityError:
        raise InvalidRequest("This logout token was used before.") from None


def _end_with_children(source: ConfiguredSource, told: Ended) -> int:
    with transaction.atomic():
        rows = people.end_with_children(_meant(source, told), farewell.SOURCE)
        events.record_ended(rows, WHY)
    return len(rows)


def _meant(source: ConfiguredSource, told: Ended) -> QuerySet[StoredSession]:
    """Return the sessions that a token names. A session of its `sub` that came without a `sid` may
    be the one of its `sid`, and ends too.
    """
    rows = StoredSession.objects.filter(source=source.slug, issuer=told.issuer)
    if told.subject:
        rows = rows.filter(subject=told.subject)
    if told.sid and told.subject:
        return rows.filter(sid__in=[told.sid, ""])
    return rows.filter(sid=told.sid) if told.sid else rows


def _name(source: ConfiguredSource, issuer: str, kind: str, value: str) -> str:
    """Return the digest that stands for what a source calls somebody; empty for nothing."""
    return digest("\0".join((source.slug, issuer, kind, value))) if value else ""
