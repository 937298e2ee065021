"""Sign-in: a verified outcome becomes a session, or a refusal with its reason."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts import errors, events, statements
from accounts.errors import AccessDenied, InvalidGrant
from accounts.login import flow, own, profile, whose
from accounts.models import Event, Identity, Source, StoredSession, User
from accounts.models.users import new_uid
from accounts.provider import ANONYMOUS, Authentication, LoginFlow, TokenSet, Visit
from accounts.session import access, afar, people, tabs, vault
from accounts.session.ending import end
from accounts.session.store import SessionStore
from accounts.session.typed import Session
from accounts.session.uncoupling import uncouple_shared
from accounts.source import groups
from accounts.source.catalogue import ConfiguredSource
from accounts.telling import tell

BACKEND = "accounts.backend.TypedSessionBackend"
# An upstream's clock may be behind ours by so much; a provider may hold it to less.
_CLOCKS_DIFFER = timedelta(minutes=5)
BELONGS_ELSEWHERE = "This way in belongs to somebody else."


class Decision(Enum):
    """What a verified outcome leads to."""

    AUTH = "auth"
    LINK = "link"
    ENROLL = "enroll"
    DENY = "deny"


class AlreadyUsed(Exception):
    """The flow's state was used before: this answer makes no session."""


class SwitchNeeded(Exception):
    """Somebody else, or another type, is signed in: the person must be asked first."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session: its store and its person, who may be `new` here."""

    store: SessionStore
    user: User
    new: bool = False


def decide(
    *, owner: int | None, link_to: int | None, status: str, may_enroll: bool
) -> tuple[Decision, str]:
    """Return what an outcome leads to, and the reason when it is denied. Pure.

    `owner` is the person to whom the identity belongs, `status` theirs; `link_to` the person who
    asked from the account page for this identity to be linked; `may_enroll` the source's policy.
    """
    if owner is not None and status == User.Status.DISABLED:
        return Decision.DENY, errors.DISABLED
    if link_to is not None:
        if owner in {None, link_to}:
            return Decision.LINK, ""
        return Decision.DENY, errors.NOT_AUTHORIZED
    if owner is not None:
        return Decision.AUTH, ""
    if may_enroll:
        return Decision.ENROLL, ""
    return Decision.DENY, errors.NOT_REGISTERED


def sign_in(
    source: ConfiguredSource,
    outcome: Authentication,
    login_flow: LoginFlow | None,
    current: Session,
    visit: Visit,
    kind: str = StoredSession.Kind.BROWSER,
    beside: Collection[str] = (),
) -> SignedIn:
    """Make a session for a verified outcome, in one transaction; a former one of the same person
    at the same source ends with it, and what applications hold of that moves to the new one. `kind`
    decides how long it lives, and whether many share the computer. `beside` are the state digests
    of the other flows that the browser carries (accounts/session/tabs.py).

    What the person is like counts as it is in this transaction, whoever changes it meanwhile waits.
    Raises `InvalidGrant` when the password was changed or the source has ended the session since it
    was judged, and where the outcome is no fresh proof and the flow asked for one; `AccessDenied`
    with the reason, `AlreadyUsed` when the state was used before (the loser of a race makes no
    session), `SwitchNeeded` when another session stands in the way.
    """
    if current.is_logged_in and not same_person(source, outcome, current):
        raise SwitchNeeded
    require_proof(outcome, login_flow)
    spent = flow.state_digest(login_flow.state) if login_flow else None
    try:
        with transaction.atomic():
            user, decision = _person(source, outcome)
            if source.slug == Source.LOCAL:
                outcome = own.as_now(outcome, user)
            now = timezone.now()
            tokens = vault.dated(outcome.tokens or TokenSet())
            typed = _typed(
                source, outcome, tokens, user, now,
                auth_time=_auth_time(source, outcome, login_flow, now),
                shared=_is_shared(login_flow, current, visit),
            )  # fmt: skip
            store, row = _begin(typed, user, visit, spent, kind, tabs.first(typed, beside, current))
            kept = [vault.new_row(typed.uid, tokens)] if outcome.tokens else []
            trail = _trail(decision, source, user, typed.uid, visit)
            statements.insert(row, *kept, *trail)
            if current.exists:
                _end_former(current, user, typed.uid)
    except IntegrityError:
        if spent and StoredSession.objects.filter(state_digest=spent).exists():
            raise AlreadyUsed from None
        raise
    events.announce(trail)
    afar.refuse_ended(source, outcome, typed.uid)
    uncouple_shared(typed)
    return SignedIn(store, user, decision is Decision.ENROLL)


def identify(source: ConfiguredSource, outcome: Authentication, visit: Visit) -> User:
    """Return the person of a verified outcome, made when the source lets new people in: no session
    begins. What is said of them is copied unless something newer is known. Raises `AccessDenied`
    with the reason.
    """
    with transaction.atomic():
        news = profile.is_news(source.row, outcome)
        user, decision = _person(source, outcome, is_news=news)
        if news:
            profile.hear(source.row, outcome)
        if decision is Decision.ENROLL:
            enrolled = events.event(
                "person.enrolled", visit, source=source.slug, session_type=source.session_type,
                user=user,
            )  # fmt: skip
            events.record(enrolled)
    return user


def known(source: ConfiguredSource, outcome: Authentication) -> User | None:
    """Return whom a verified outcome names; None for somebody new. Nothing is written of them.

    Raises `AccessDenied` while people are known by another issuer.
    """
    with transaction.atomic():
        found = whose.known(source, outcome)
    return found[0] if found else None


def link(source: ConfiguredSource, outcome: Authentication, session_uid: str, visit: Visit) -> User:
    """Add the identity of a verified outcome to the person whose session asked for it, who is
    mailed.

    Raises `AccessDenied` when it belongs to somebody else, and when a session without their rights
    asked for an administrator's account; `InvalidGrant` when the session that asked is gone.
    """
    over = InvalidGrant("The session that asked for this is over.", reason=errors.EXPIRED)
    with transaction.atomic():
        asking = StoredSession.objects.filter(uid=session_uid).first()
        if asking is None:
            raise over
        found = whose.known(source, outcome)
        owner = found[0] if found else None
        decision, reason = decide(
            owner=owner.pk if owner else None,
            link_to=asking.user_id,
            status=owner.status if owner else "",
            may_enroll=False,
        )
        if decision is not Decision.LINK:
            raise AccessDenied(BELONGS_ELSEWHERE, reason=reason)
        person = people.hold(session_uid)  # the owner, if there is one: nobody locks two people
        if person is None:
            raise over
        access.require_change_of_ways_in(asking.source, person.pk)
        identity, is_new = Identity.objects.get_or_create(
            source=source.row,
            issuer=outcome.issuer,
            subject=outcome.subject,
            defaults={"user": person},
        )
        if identity.user_id != person.pk:  # theirs since it was looked for
            raise AccessDenied(BELONGS_ELSEWHERE, reason=errors.NOT_AUTHORIZED)
        if is_new:
            tell(
                "identity.linked", person, visit, source=source.slug,
                session_type=source.session_type, session_uid=asking.uid,
            )  # fmt: skip
    return person


def same_person(source: ConfiguredSource, outcome: Authentication, current: Session) -> bool:
    """Tell whether `outcome` is the same person at the same source as the session `current`."""
    here = (current.source, current.issuer, current.subject)
    return here == (source.slug, outcome.issuer, outcome.subject)


def require_proof(outcome: Authentication, login_flow: LoginFlow | None) -> None:
    """Refuse an outcome that is no proof since its flow asked for one (OIDC Core, 3.1.2.1,
    `prompt=login`): the provider must say when the person proved who they are.

    Raises `InvalidGrant` without proof.
    """
    if login_flow is None or not login_flow.again:
        return
    if outcome.auth_time is None or outcome.auth_time < login_flow.started_at - _CLOCKS_DIFFER:
        raise InvalidGrant("The person was not asked to sign in again.", reason=errors.NO_PROOF)


def was_used_by(session: Session, state: str) -> bool:
    """Tell whether `session` came of this very state: a reload, or a Back, of its callback."""
    used = StoredSession.objects.filter(uid=session.uid, state_digest=flow.state_digest(state))
    return session.type != ANONYMOUS and used.exists()


def _person(
    source: ConfiguredSource, outcome: Authentication, *, is_news: bool = True
) -> tuple[User, Decision]:
    found = whose.known(source, outcome)
    owner, row = found or (None, whose.present(source.row))
    if not (owner or row.enroll):  # whoever has waited for somebody who was merged finds the other
        owner, row = whose.known(source, outcome) or (None, row)
    if source.row.enabled and not row.enabled:
        said = "The source was disabled meanwhile."
        raise AccessDenied(said, reason=errors.LOGIN_FAILED, tokens=outcome.tokens)
    decision, reason = decide(
        owner=owner.pk if owner else None,
        link_to=None,
        status=owner.status if owner else "",
        may_enroll=row.enroll,
    )
    if decision is Decision.DENY:
        raise AccessDenied("This person is not let in.", reason=reason, tokens=outcome.tokens)
    # An outcome with an epoch was judged of somebody who is known: it makes nobody new.
    if outcome.epoch not in {None, owner.session_epoch if owner else None}:
        raise InvalidGrant("The password was changed meanwhile, or the way in is gone.")
    if decision is Decision.ENROLL:
        owner, decision = _enroll(row, outcome)
    assert owner is not None  # noqa: S101  # AUTH is only decided for a person who was found
    if is_news:
        profile.follow(owner, row, outcome)
        profile.remember(owner, row, outcome)
        groups.follow(owner, row, outcome.groups)
    return owner, decision


def _enroll(source: Source, outcome: Authentication) -> tuple[User, Decision]:
    """Create the person. A parallel first sign-in finds the one that was created."""
    waiting = User.Status.AWAITING_ACCESS if source.require_assignment else User.Status.ACTIVE
    email = profile.address(outcome)
    try:
        with transaction.atomic():
            user = User(
                username=f"{source.slug}-{new_uid()[:12]}",
                name=outcome.name[:300],
                email=email,
                email_verified=profile.is_verified(source, outcome) or not email,
                status=waiting,
            )
            user.set_unusable_password()
            user.save(force_insert=True)
            Identity.objects.create(
                source=source, subject=outcome.subject, issuer=outcome.issuer, user=user
            )
    except IntegrityError:
        winner = whose.owner(source, outcome)
        if winner is None:
            raise
        return winner[0], Decision.AUTH
    return user, Decision.ENROLL


def _typed(
    source: ConfiguredSource,
    outcome: Authentication,
    tokens: TokenSet,
    user: User,
    now: datetime,
    **of_this_sign_in: Any,
) -> Session:
    return Session(
        uid=new_uid(),
        type=source.session_type,
        source=source.slug,
        subject=outcome.subject,
        name=outcome.name or user.name,
        username=outcome.username or user.username,
        issuer=outcome.issuer,
        sid=outcome.sid,
        status=user.status,
        acr=outcome.acr,
        amr=outcome.amr,
        signed_in_at=now,
        refresh_expires_at=tokens.refresh_expires_at,
        upstream_ends_at=outcome.expires_at if source.ends_with_token else None,
        tokens_expire_at=tokens.expires_at,
        tokens_lifetime=tokens.lifetime,
        bound_to=outcome.bound_to,
        claims=dict(outcome.public),
        **of_this_sign_in,
    )


def _auth_time(
    source: ConfiguredSource, outcome: Authentication, login_flow: LoginFlow | None, now: datetime
) -> int:
    """Return when the person proved who they are: now where our form or a flow asked for it and
    got it; else when the upstream says that it was, if it says so.
    """
    if source.kind == "form" or (login_flow and login_flow.again):
        return int(now.timestamp())
    return int(min(now, outcome.auth_time).timestamp()) if outcome.auth_time else 0


def _end_former(current: Session, user: User, heir: str) -> None:
    """End the session `current`. What hangs on it moves to `heir` where it is known to be the same
    person's. One that cannot be read is nobody's: whoever signs in next gets nothing of it.
    """
    if current.is_logged_in and end(tabs.together([current.uid]).filter(user=user), heir=heir):
        return
    end(StoredSession.objects.filter(uid=current.uid))


def _is_shared(login_flow: LoginFlow | None, current: Session, visit: Visit) -> bool:
    """Tell whether many use this computer: its network says so, the person did when the sign-in
    began, or has before.
    """
    return visit.shared or current.shared or bool(login_flow and login_flow.shared)


def _begin(
    typed: Session, user: User, visit: Visit, spent: str | None, kind: str, first: str
) -> tuple[SessionStore, StoredSession]:
    store = SessionStore()
    row = store.begin(
        typed,
        {
            SESSION_KEY: str(user.pk),
            BACKEND_SESSION_KEY: BACKEND,
            HASH_SESSION_KEY: user.get_session_auth_hash(),
        },
        user=user,
        kind=kind,
        parent_uid=first,
        type=typed.type,
        source=typed.source,
        issuer=typed.issuer,
        sid=typed.sid,
        subject=typed.subject,
        state_digest=spent,
        shared=typed.shared,
        address=events.address_or_none(visit.address),
        user_agent=visit.user_agent[:300].replace("\0", ""),
    )
    return store, row


def _trail(
    decision: Decision, source: ConfiguredSource, user: User, uid: str, visit: Visit
) -> list[Event]:
    names = {
        Decision.AUTH: ["login.succeeded"],
        Decision.ENROLL: ["person.enrolled", "login.succeeded"],
    }[decision]
    told = {
        "support_code": events.new_support_code(),
        "source": source.slug,
        "session_type": source.session_type,
        "user": user,
        "session_uid": uid,
    }
    found = [events.event(name, visit, **told) for name in names]
    events.leave_steps_to_first(found)
    return found
