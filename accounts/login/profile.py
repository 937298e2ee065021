"""What a source says of a person, which is copied at each sign-in: name, address, groups."""

from typing import Any

from django.db.models import Q
from django.utils import timezone

from accounts import ended
from accounts.login import lockout
from accounts.models import Identity, Source, StoredSession, User
from accounts.provider import Authentication
from accounts.upstream.mail import is_address

_MOST_REMEMBERED = 50


def follow(user: User, source: Source, outcome: Authentication) -> None:
    """Copy name and mail from the source; an empty value changes nothing, and an address that is
    not verified takes the place of no verified one. Of people of this site the row itself is the
    word: an outcome that has waited, for a hash or a second step, may hold what it was before.

    An administrator keeps their address, to which links to a password go, unless the source signs
    in administrators.
    """
    known = [] if source.slug == Source.LOCAL else _told(user, source, outcome)
    seen = ["seen_at"] if user.is_seen() else []
    changed = []
    for field, value in known:
        if value != "" and getattr(user, field) != value:
            setattr(user, field, value)
            changed.append(field)
    if changed or seen:
        user.save(update_fields=[*changed, *seen])
    if changed:
        ended.announce(ended.PERSON, [str(user.pk)])


def _told(user: User, source: Source, outcome: Authentication) -> list[tuple[str, str | bool]]:
    told: list[tuple[str, str | bool]] = [("name", outcome.name[:300])]
    follows = source.staff or not user.opens_administration()
    verified = is_verified(source, outcome)
    better = verified or not (user.email and user.email_verified)
    if outcome.email and follows and better and address(outcome, user.email):
        told += [("email", outcome.email), ("email_verified", verified)]
    return told


def address(outcome: Authentication, stored: str = "") -> str:
    """Return the address that a source names; nothing for what is none, or is too long to store.
    The one that is `stored` is not judged again.
    """
    named = outcome.email
    return named if named == stored or is_address(named) else ""


def is_verified(source: Source, outcome: Authentication) -> bool:
    """Tell whether the address of an outcome is verified: by the word of a source that counts."""
    return outcome.email_verified and source.verifies_mail


def remember(user: User, source: Source, outcome: Authentication) -> None:
    """Keep with the identity what the source claims of groups, mapped ones first, and the digest of
    what was typed as a name, where that is not the username: the lock-out knows by it who has
    signed in from an address before.
    """
    kept: dict[str, Any] = {}
    if outcome.groups is not None:
        mapped_first = sorted(outcome.groups, key=lambda name: name not in source.groups)
        kept["claimed_groups"] = mapped_first[:_MOST_REMEMBERED]
    if outcome.name_key not in {"", lockout.name_key(source.slug, user.username)}:
        kept["name_key"] = outcome.name_key
    if kept:
        known = {"source": source, "issuer": outcome.issuer, "subject": outcome.subject}
        Identity.objects.filter(**known).exclude(**kept).update(**kept)


def is_news(source: Source, outcome: Authentication) -> bool:
    """Tell whether what an access token says of somebody is the newest word of them. Nothing is
    copied from one that is older than another, or than a sign-in whose session goes on: whoever
    kept it would get a role back that the source has taken away.
    """
    said = outcome.issued_at or timezone.now()
    known = {"issuer": outcome.issuer, "subject": outcome.subject}
    newer = Identity.objects.filter(source=source, heard_at__gt=said, **known)
    since = StoredSession.objects.filter(source=source.slug, created_at__gt=said, **known)
    return not newer.exists() and not since.exists()


def hear(source: Source, outcome: Authentication) -> None:
    """Keep when the access token was issued that was the newest word of somebody."""
    said = outcome.issued_at or timezone.now()
    heard = Identity.objects.filter(source=source, issuer=outcome.issuer, subject=outcome.subject)
    heard.filter(Q(heard_at=None) | Q(heard_at__lt=said)).update(heard_at=said)
