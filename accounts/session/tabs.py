"""Sessions of one browser: tabs that come back from an upstream at once have made one each.

The browser keeps the cookie of whichever answer came last, so that its person cannot leave the
others. Each names the first one as the session under which it began, and all end together.
"""

from collections.abc import Collection

from django.db.models import Q, QuerySet

from accounts.models import StoredSession
from accounts.session.typed import Session


def first(session: Session, states: Collection[str], former: Session) -> str:
    """Return the uid of the first session that other tabs of the browser have made for the person
    of `session`, which is about to be stored; nothing where there is none, and where it takes the
    place of `former`, with which they end. `states` are the state digests of the other flows that
    the browser carries.

    The caller has locked the person: of two tabs that come back at once the second finds the first.
    """
    if not states or former.is_logged_in:
        return ""
    found = _of_browsers().filter(
        source=session.source, issuer=session.issuer, subject=session.subject,
        state_digest__in=states,
    )  # fmt: skip
    uid, eldest = found.values_list("uid", "parent_uid").first() or ("", "")
    return eldest or uid


def together(uids: Collection[str]) -> QuerySet[StoredSession]:
    """Return the sessions `uids`, of any kind, and those that tabs have made beside them."""
    named = _of_browsers().filter(uid__in=uids).exclude(parent_uid="")
    eldest = {*uids, *named.values_list("parent_uid", flat=True)} - {""}  # which all others name
    beside = Q(parent_uid__in=eldest, kind=StoredSession.Kind.BROWSER)
    return StoredSession.objects.filter(Q(uid__in=eldest) | beside)


def _of_browsers() -> QuerySet[StoredSession]:
    return StoredSession.objects.filter(kind=StoredSession.Kind.BROWSER)
