"""Who is known by the credentials that they have shown before: a worker's memory of them.

What is remembered counts until something is to be done for the session, a minute at most, and while
neither it, its person nor the access token is in the ended feed.
"""

from collections.abc import Mapping
from hashlib import sha256
from sys import getsizeof
from typing import NamedTuple

from accounts import ended
from accounts.provider import Visit
from portal.gateway import who
from portal.gateway.decision import Who
from portal.server.bounded import Bounded

_MOST = 8 * 2**20


class _Held(NamedTuple):
    who: Who
    noted: ended.Moment


_memory: Bounded[_Held] = Bounded(_MOST)


def identify(headers: Mapping[str, str], visit: Visit, host: str, *, opens_page: bool) -> Who:
    """Return who asks for something of `host`, as `who.identify` does.

    Of somebody who is remembered it costs no query.
    """
    key = _key(headers, host)
    if key is None:
        return who.identify(headers, visit, host, opens_page=opens_page)
    feed = ended.refreshed()
    found = _find(key, feed)
    if found is None:
        noted = feed.moment
        found = who.identify(headers, visit, host, opens_page=opens_page)
        if found.keep:
            _memory.put(key, _Held(found, noted), found.keep.until, _weight(found))
    return found


def at_hand(headers: Mapping[str, str], host: str) -> Who | None:
    """Return who asks for something of `host`, nobody without credentials; None if that takes a
    query.
    """
    feed, key = ended.at_hand(), _key(headers, host)
    if feed is None or key is None:
        return None
    if not headers.get("authorization") and not who.shown(headers):
        return Who()
    return _find(key, feed)


def _key(headers: Mapping[str, str], host: str) -> bytes | None:
    """Return the digest of the credentials at `host`; None with `Basic`, which is always judged."""
    scheme, _, text = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        return None
    token = text.strip(" ") if scheme.lower() == "bearer" else ""
    shown = "\n".join((host, token, *who.shown(headers)))
    return sha256(shown.encode("utf-8", "surrogatepass")).digest()


def _find(key: bytes, feed: ended.Feed) -> Who | None:
    held = _memory.get(key)
    if held is None or held.who.keep is None:
        return None
    if feed.stands(held.noted, held.who.keep.marks):
        return held.who
    _memory.drop(key)
    return None


def _weight(somebody: Who) -> int:
    """Return about how many bytes it takes; what has no length of its own is alike for all."""
    session = somebody.session
    texts = (somebody.uid, somebody.email, session.name, session.username, session.subject)
    own = sum(map(getsizeof, (*texts, *somebody.groups))) + len(repr(session.claims))
    return 1500 + own
