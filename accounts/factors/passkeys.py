"""Passkeys of people: added, renamed, used, removed (docs/passkeys.md).

They are of people whom the site itself signs in. One that was used signs its person in as the local
source does, and is the stronger proof: `acr` substantial, `amr` of RFC 8176.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import conf, errors, trail
from accounts.errors import AccessDenied, InvalidGrant, InvalidRequest, LoginRequired
from accounts.factors import ceremony
from accounts.factors.ceremony import Answer, Asserted
from accounts.keyring import digest
from accounts.login import own
from accounts.models import Passkey, Source, SpentChallenge, User, clearing
from accounts.provider import Authentication, Visit
from accounts.session import people
from accounts.source import catalogue
from accounts.strength.levels import Strength
from accounts.telling import tell

AT_MOST = 20
LONGEST_LABEL = 100


class TooMany(InvalidGrant):
    """A person has as many passkeys as they may have."""


def may_have(person: User) -> bool:
    """Tell whether a person may have passkeys: the site itself signs people in, and them."""
    is_open = ceremony.is_possible() and catalogue.find(Source.LOCAL) is not None
    return is_open and _is_local(person)


def counts(person: User) -> bool:
    """Tell whether a person has a passkey that signs them in."""
    return may_have(person) and of_person(person.pk).filter(suspended_at=None).exists()


def of_person(person_id: int) -> QuerySet[Passkey]:
    """Return the passkeys of a person, the newest first."""
    return Passkey.objects.filter(user_id=person_id).order_by("-created_at", "-pk")


def add(session_uid: str, answer: Answer, challenge: str, label: str, by: Visit) -> Passkey:
    """Give the person of a session the passkey of a browser's answer to `challenge`, which was
    theirs.

    Of many answers to one challenge one counts. Raises `InvalidGrant` for what is not verified or
    has counted, `InvalidRequest` for a credential that is registered already, `TooMany`, and
    `LoginRequired` when the session has ended.
    """
    if answer.challenge != challenge:
        raise InvalidGrant("The answer is to another challenge.", reason=errors.EXPIRED)
    found = ceremony.attested(answer)
    with transaction.atomic():
        # The lock holds off another one of the same person, and whoever signs them out meanwhile.
        user = people.hold(session_uid)
        if user is None:
            raise LoginRequired("The session has just ended.")
        _spend(challenge)
        if user.status == User.Status.DISABLED or not may_have(user):
            raise AccessDenied("This person may have no passkey.")
        if of_person(user.pk).count() >= AT_MOST:
            raise TooMany("There are too many passkeys.")
        values: dict[str, Any] = {
            "user": user,
            "user_handle": ceremony.user_handle(user),
            "public_key": found.public_key,
            "sign_count": found.sign_count,
            "transports": list(found.transports),
            "aaguid": found.aaguid,
            "backup_eligible": found.backup_eligible,
            "backed_up": found.backed_up,
            "label": label[:LONGEST_LABEL],
        }
        passkey, fresh = Passkey.objects.get_or_create(
            credential_id=found.credential_id, defaults=values
        )
        if not fresh:
            raise InvalidRequest("This credential is registered already.")
        _tell("passkey.added", user, passkey.label, by)
    return passkey


def rename(person_id: int, pk: int, label: str) -> bool:
    """Give a passkey of a person another name. Returns False when it is not theirs."""
    return bool(of_person(person_id).filter(pk=pk).update(label=label[:LONGEST_LABEL]))


def remove(person_id: int, pk: int, by: Visit, reason: str = "") -> bool:
    """Remove a passkey of a person. `reason` is what an administrator says. Returns False when it
    is not theirs, or was removed meanwhile.
    """
    with transaction.atomic():
        found = of_person(person_id).filter(pk=pk).select_related("user").first()
        if found is None or not of_person(person_id).filter(pk=pk).delete()[0]:
            return False
        _tell("passkey.removed", found.user, ": ".join(filter(None, (found.label, reason))), by)
    return True


def authenticate(answer: Answer, challenges: Collection[str], by: Visit) -> Authentication:
    """Return whom a browser's answer to one of its own `challenges` proves to be.

    Of many answers to one challenge one counts. Raises `InvalidGrant` with the reason, and
    `AccessDenied` for the passkey of a disabled person.
    """
    if answer.challenge not in challenges:
        raise InvalidGrant("The challenge is unknown or has expired.", reason=errors.EXPIRED)
    rows = Passkey.objects.select_related("user")
    passkey = rows.filter(credential_id=answer.credential_id).first()
    if passkey is None or not _is_local(passkey.user):
        raise InvalidGrant("The passkey is not known.", reason=errors.PASSKEY)
    used = ceremony.asserted(answer, passkey)
    _count(passkey, used, answer.challenge, by)
    user = passkey.user
    if user.status == User.Status.DISABLED:
        raise AccessDenied("This person is not let in.", reason=errors.DISABLED)
    trail.note(trail.Step(trail.PERSON, trail.HERE, "passkey"))
    kind = "swk" if used.backed_up else "hwk"
    return own.vouched(user, acr=Strength.SUBSTANTIAL.word, amr=(kind, "user"))


def hand_over(stays: User, goes: User) -> None:
    """Give `stays` the passkeys of `goes`, with the way in by which they count. Those of somebody
    whom the site itself does not sign in any more are not handed over.
    """
    if _is_local(goes) and Passkey.objects.filter(user=goes).update(user=stays):
        stays.give_local_identity()


def clear_expired() -> int:
    """Delete the challenges that nobody could answer any more. Returns their number."""
    over = SpentChallenge.objects.filter(expires_at__lte=timezone.now())
    return clearing.delete(over.order_by("expires_at"))


def _is_local(person: User) -> bool:
    return person.identities.filter(source__slug=Source.LOCAL).exists()


def _spend(challenge: str) -> None:
    """Keep that a challenge was answered, in the caller's transaction. Raises `InvalidGrant` when
    it had been: of many callers at once one goes on.
    """
    until = timezone.now() + conf.flow_lifetime()
    _row, first = SpentChallenge.objects.get_or_create(
        digest=digest(f"passkey:{challenge}"), defaults={"expires_at": until}
    )
    if not first:
        raise InvalidGrant("The challenge was answered before.", reason=errors.EXPIRED)


def _count(passkey: Passkey, used: Asserted, challenge: str, by: Visit) -> None:
    """Note a use. A counter that does not grow means that there may be a copy (WebAuthn Level 3,
    6.1.1): the passkey is suspended then. Raises `InvalidGrant`.
    """
    now = timezone.now()
    rows = Passkey.objects.filter(pk=passkey.pk, suspended_at=None)
    counts = {"sign_count__lt": used.sign_count} if used.sign_count else {"sign_count": 0}
    with transaction.atomic():
        _spend(challenge)
        noted = {"sign_count": used.sign_count, "backed_up": used.backed_up, "used_at": now}
        if rows.filter(**counts).update(**noted):
            return
        _suspend(rows, passkey, now, by)
    if Passkey.objects.filter(pk=passkey.pk).exists():
        raise InvalidGrant("The passkey is suspended.", reason=errors.PASSKEY_SUSPENDED)
    raise InvalidGrant("The passkey is not known.", reason=errors.PASSKEY)


def _suspend(rows: QuerySet[Passkey], passkey: Passkey, now: datetime, by: Visit) -> None:
    if rows.update(suspended_at=now):
        _tell("passkey.cloned", passkey.user, passkey.label, by)


def _tell(name: str, user: User, detail: str, by: Visit) -> None:
    """Record what happened to a passkey, and mail its person, in the caller's transaction."""
    tell(name, user, by, detail=detail, source=Source.LOCAL, session_type="local")
