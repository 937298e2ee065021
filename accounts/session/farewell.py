"""Why a session ended otherwise than by its person leaving here: a word for their next click.

It is kept by the digest of the cookie, which the browser shows once more, and names nobody.
"""

from collections.abc import Iterable

from django.utils import timezone

from accounts.models import Farewell, StoredSession, clearing

# Its upstream lets the person in no more: the account is closed, or this site is not open to it.
CLOSED, BARRED = "closed", "barred"
# Who had it ended: the source, an administrator, a new password, the person on another device.
SOURCE, ADMINISTRATOR, PASSWORD, ELSEWHERE = "source", "administrator", "password", "elsewhere"
# The site cannot read the session: its key is gone (accounts/session/unreadable.py).
UNREADABLE = "unreadable"
WORDS = frozenset({CLOSED, BARRED, SOURCE, ADMINISTRATOR, PASSWORD, ELSEWHERE, UNREADABLE})


def say(rows: Iterable[StoredSession], why: str) -> None:
    """Keep the word `why` for the browsers of sessions that end in the caller's transaction, until
    they would have ended by themselves.
    """
    browsers = [row for row in rows if row.kind == StoredSession.Kind.BROWSER]
    words = [Farewell(key=row.session_key, why=why, expires_at=row.ends_at) for row in browsers]
    # What was said before of a session that could not be read, and can again, counts no more.
    Farewell.objects.bulk_create(
        words, update_conflicts=True, unique_fields=["key"], update_fields=["why", "expires_at"]
    )


def word(key: str) -> str:
    """Return why the session of the key digest `key` ended, one of `WORDS`; else nothing."""
    found = Farewell.objects.filter(key=key).values_list("why", flat=True).first()
    return found or ""


def clear_expired() -> int:
    """Delete the words that nobody comes for any more. Returns their number."""
    over = Farewell.objects.filter(expires_at__lt=timezone.now())
    return clearing.delete(over.order_by("expires_at"))
