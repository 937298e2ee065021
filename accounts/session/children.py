"""Child sessions: a device or an application that its person has approved, with a life of its own.

It outlives the browser's session under which it began, but at a shared computer. It ends by itself,
with *end all*, by an administrator, when its person is disabled, and by the back-channel logout of
its source.
"""

from dataclasses import replace

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

from accounts import events
from accounts.errors import InvalidGrant
from accounts.models import StoredSession
from accounts.models.users import new_uid
from accounts.provider import Visit
from accounts.session.ending import hold
from accounts.session.store import SessionStore
from accounts.session.typed import Session

BACKEND = "accounts.backend.TypedSessionBackend"


def begin(parent: StoredSession, session: Session, label: str, visit: Visit) -> StoredSession:
    """Return a new child session under `parent`, whose typed session is `session`, saved in the
    caller's transaction.

    It keeps who its person is and how and when they proved it. The upstream's tokens, and the end
    that they set, stay with the parent. Raises `InvalidGrant` when the parent has ended: whoever
    ends it meanwhile waits.
    """
    user = parent.user
    if user is None:
        raise ValueError("a session without a person has no children")
    if not hold(parent.uid):
        raise InvalidGrant("The session under which it should begin has ended.")
    typed = replace(
        session,
        uid=new_uid(),
        refresh_expires_at=None,
        upstream_ends_at=None,
        tokens_expire_at=None,
        tokens_lifetime=0,
        bound_to="",
    )
    row = SessionStore().begin(
        typed,
        {
            SESSION_KEY: str(user.pk),
            BACKEND_SESSION_KEY: BACKEND,
            HASH_SESSION_KEY: user.get_session_auth_hash(),
        },
        user=user,
        kind=StoredSession.Kind.CLIENT,
        parent_uid=parent.uid,
        label=label[:255],
        type=typed.type,
        source=typed.source,
        issuer=typed.issuer,
        sid=typed.sid,
        subject=typed.subject,
        shared=typed.shared,
        address=events.address_or_none(visit.address),
        user_agent=visit.user_agent[:300].replace("\0", ""),
    )
    row.save(force_insert=True)
    return row
