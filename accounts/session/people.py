"""People and their sessions: ended, admitted, disabled, given another password."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts import ended, events
from accounts.errors import InvalidGrant
from accounts.models import Event, Identity, PendingSignIn, Source, StoredSession, User
from accounts.provider import Visit
from accounts.session import devices, ending, farewell, tabs
from accounts.session.ending import end, hold_all
from accounts.session.store import rewrite
from accounts.session.typed import Session
from accounts.session.uncoupling import uncouple_ended
from accounts.source import catalogue, groups
from accounts.telling import tell
from accounts.trail import Act, acting

PERSON = Event.Actor.PERSON
FLEETING_FOR = timedelta(hours=1)
_AT_ONCE = 500


def sessions_of(user_id: int) -> QuerySet[StoredSession]:
    """Return the sessions of a person, the last used first."""
    return StoredSession.objects.filter(user_id=user_id).order_by("-last_seen_at")


def hold(uid: str) -> User | None:
    """Lock the person of the session `uid` and then the session, until the caller's transaction is
    over: whoever ends all that is theirs is waited for. Returns None when the session has ended.
    """
    persons = User.objects.select_for_update(no_key=True, of=("self",))
    person = persons.filter(sessions__uid=uid).first()
    return person if person and ending.hold(uid) else None


def others_may_come_in(person: User) -> bool:
    """Tell whether somebody else may have come in as a person: staff had a hand in it, or links to
    a password went to an address that nobody has verified.
    """
    local = person.identities.filter(source__slug=Source.LOCAL)
    return person.tended or (not person.email_verified and local.exists())


def unlink(
    way: Identity, word: str = farewell.ADMINISTRATOR, *, may_lift: bool = True
) -> list[StoredSession]:
    """Take a way in away from its person, with the groups that it alone gave, and end the sessions
    that came by it with their child sessions. A sign-in by it that is under way is waited for, and
    a later one finds it gone. `word` is as for `end_with_children`. Returns what ended.

    Raises `DutyError` for who may not lift the duty of one of these groups.
    """
    came = _came_by(way)
    with transaction.atomic():
        person = User.objects.select_for_update(no_key=True).get(pk=way.user_id)
        if not may_lift and groups.lifts_duty(way):
            raise groups.DutyError
        groups.forget(person, way)
        way.delete()
        return end_with_children(came, word)


def end_with_children(
    rows: QuerySet[StoredSession], word: str = farewell.ADMINISTRATOR
) -> list[StoredSession]:
    """End the sessions `rows`, those that tabs made beside them, and the child sessions under them.
    `word` is what their browsers are told, one of `farewell.WORDS`. Returns what ended.
    """
    chosen = list(rows.values_list("uid", flat=True))
    uids = list(tabs.together(chosen).values_list("uid", flat=True))
    meant = StoredSession.objects.filter(Q(uid__in=uids) | Q(parent_uid__in=uids))
    with transaction.atomic():
        # A child session that was about to begin has been waited for, and is there by now.
        ended = [*end(meant), *end(meant)]
        farewell.say(ended, word)
        uncouple_ended(ended)
    return ended


def end_waiting(user_ids: Iterable[int | None] | QuerySet[Any, Any]) -> None:
    """End the sign-ins of people that wait for their second step. Whoever ends sessions does this
    first: a step that is just being completed is waited for, and its session is there by then.
    """
    PendingSignIn.objects.filter(user__in=user_ids).delete()


def end_one(user_id: int, uid: str, by: Visit) -> bool:
    """End one session of a person, on their request. Returns False when it is not theirs."""
    mine = tabs.together([uid]).filter(user_id=user_id)
    return bool(_end(mine, "by the person", farewell.ELSEWHERE, by, PERSON))


def end_others(user_id: int, current: Session, by: Visit) -> int:
    """End all sessions of a person, devices too, but the current one, and what waits for a second
    step. Returns the number of sessions.
    """
    end_waiting([user_id])
    others = StoredSession.objects.filter(user_id=user_id).exclude(uid=current.uid)
    gone = _end(others, "by the person", farewell.ELSEWHERE, by, PERSON)
    # A child session that was about to begin has been waited for, and is there by now.
    return gone + _end(others, "by the person", farewell.ELSEWHERE, by, PERSON)


def end_all(user_id: int, why: str, word: str = farewell.ADMINISTRATOR) -> int:
    """End every session of a person and raise the epoch. `word` is what their browsers are told.
    Returns the number of sessions.
    """
    with transaction.atomic():
        User.objects.filter(pk=user_id).update(session_epoch=F("session_epoch") + 1)
        return _end(StoredSession.objects.filter(user_id=user_id), why, word)


def admit(user: User, by: User | None = None) -> None:
    """Activate a person who awaited access, in the sessions that they have as well."""
    with transaction.atomic():
        User.objects.filter(pk=user.pk).update(status=User.Status.ACTIVE)
        mine = StoredSession.objects.filter(user_id=user.pk)
        rewrite(mine, lambda session: replace(session, status=User.Status.ACTIVE))
        ended.announce(ended.PERSON, [str(user.pk)])
        events.record(events.event("person.admitted", user=user, by=by))


def disable(user: User) -> bool:
    """Disable the person and end all their sessions. Returns False, and tells the trail nothing, of
    somebody who is disabled already.
    """
    former = User.objects.filter(pk=user.pk).exclude(status=User.Status.DISABLED)
    with transaction.atomic():
        changed = bool(former.update(status=User.Status.DISABLED))
        end_all(user.pk, "disabled", farewell.CLOSED)
        if changed:
            events.record(events.event("person.disabled", user=user))
    return changed


def change_password(user: User, password: str, by: Visit, keep: Session | None) -> None:
    """Set a password; the other sessions of the person end, and the mail links lapse.

    `keep` is the session in which it was changed; None when it came by a mail link. The epoch
    rises, so that a sign-in which has already judged the former password makes no session.

    It changes only while the password and the epoch are those that `user` was loaded with: of many
    changes at once one wins. Raises `InvalidGrant` for the others, `TemporarilyUnavailable` when
    too many passwords are being hashed.
    """
    fresh = make_password(password)  # before the transaction: a hash takes its time
    unchanged = User.objects.filter(
        pk=user.pk, password=user.password, session_epoch=user.session_epoch
    )
    with acting(Act(PERSON, user.pk)), transaction.atomic():
        if not unchanged.update(password=fresh, session_epoch=F("session_epoch") + 1):
            raise InvalidGrant("The password was changed meanwhile.")
        user.refresh_from_db(fields=["password", "session_epoch"])
        hold_all(user.pk)  # as whoever ends some of them locks them, so that neither waits for ever
        if keep:
            mine = StoredSession.objects.filter(uid=keep.uid)
            known = user.get_session_auth_hash()
            rewrite(mine, lambda session: session, {HASH_SESSION_KEY: known})
        user.give_local_identity()
        others = StoredSession.objects.filter(user_id=user.pk)
        others = others.exclude(uid=keep.uid) if keep else others
        _end(others, "password changed", farewell.PASSWORD, by)
        devices.forget_others(user.pk, by)
        tell("password.changed", user, by, session_uid=keep.uid if keep else "")


def forget_fleeting() -> int:
    """Delete the identities that nobody can come back by, and those who had no other.

    Returns the number of identities. One that is younger than an hour, or has a session, is kept;
    so is a person with a password, a group or a right.
    """
    return sum(
        _forget_fleeting(row, ready.description.fleeting)
        for row in Source.objects.all()
        if (ready := catalogue.of_session(row.slug)) and ready.description.fleeting
    )


def _forget_fleeting(source: Source, prefix: str) -> int:
    alive = StoredSession.objects.filter(
        user=OuterRef("user_id"), source=source.slug, subject=OuterRef("subject")
    )
    over = Identity.objects.filter(
        ~Exists(alive), source=source, subject__startswith=prefix
    ).filter(created_at__lt=timezone.now() - FLEETING_FOR)
    gone = 0
    last = 0
    known = over.order_by("pk").values_list("pk", "user_id")
    while batch := list(known.filter(pk__gt=last)[:_AT_ONCE]):
        last = batch[-1][0]
        gone += sum(_forget(over.filter(pk=pk), user_id) for pk, user_id in batch)
    return gone


def _forget(over: QuerySet[Identity], user_id: int) -> bool:
    """Delete an identity if it is over still, and its person without another one."""
    with transaction.atomic():
        # Whoever signs in with it now holds this lock, and has a session once it is ours.
        person = User.objects.select_for_update().filter(pk=user_id).first()
        if person is None or not over.delete()[0]:
            return False
        if not _is_known_otherwise(person):
            person.delete()
    return True


def _is_known_otherwise(person: User) -> bool:
    return (
        person.is_staff
        or person.is_superuser
        or person.has_usable_password()
        or person.identities.exists()
        or person.sessions.exists()
        or person.groups.exists()
        or person.user_permissions.exists()
    )


def _came_by(way: Identity) -> QuerySet[StoredSession]:
    rows = StoredSession.objects.filter(
        user=way.user_id, source=way.source.slug, subject=way.subject
    )
    return rows.filter(issuer=way.issuer) if way.issuer else rows


def _end(
    rows: QuerySet[StoredSession], why: str, word: str, by: Visit | None = None, actor: str = ""
) -> int:
    with transaction.atomic():
        ended = end(rows)
        farewell.say(ended, word)
        uncouple_ended(ended)
        events.record_ended(ended, why, by, actor)
    return len(ended)
