"""The device cookie: which people have signed in in this browser (OWASP's guard against lock-outs).

A sealed cookie holds, for the last few of them, a digest of who and a secret of the browser, whose
row says that it is known still (accounts/session/devices.py). It lets nobody in: it gives their
guesses counters of their own, so that strangers who guess at a name, or fail from the same address,
shut its owner out of no browser that they use.
"""

from collections.abc import Iterable

from django.http import HttpRequest, HttpResponse

from accounts.keyring import digest
from accounts.login import new_device
from accounts.models import User
from accounts.models.users import username_key
from accounts.provider import Visit
from accounts.session import devices
from portal.door import cookies
from portal.door.user_agents import device_name

COOKIE = "vestibule-device"
SECONDS = int(devices.LIFE.total_seconds())
AT_MOST = 5
# Before there were rows a secret was shorter. Such a browser is no news, but it counts only again
# once its person has signed in.
_SHORTER = 22


def known(request: HttpRequest, source: str, name: str) -> str:
    """Return the secret of this browser when `name` has signed in at `source` in it and trusts it
    still, or nothing.
    """
    secret = _held(request).get(_key(source, name), "")
    return secret if secret and devices.is_known(secret, source, name) else ""


def anybody(request: HttpRequest) -> str:
    """Return a digest of who has signed in in this browser last and trusts it still, or nothing."""
    uid = devices.owner_of(secrets_of(request))
    return uid and digest(uid)


def secrets_of(request: HttpRequest) -> list[str]:
    """Return what this browser holds, for whomever."""
    return list(_held(request).values())


def meet(
    request: HttpRequest,
    response: HttpResponse,
    who: tuple[str, str],
    user: User,
    visit: Visit,
    session_uid: str,
    *,
    new: bool,
) -> None:
    """Leave a browser the cookie in which `user` has just signed in: by a source, and the name that
    was judged with their password there, or by which the source knows them. A name that was not
    judged is no name of theirs. A browser that is known as theirs by another way in stays one.
    `new`: they have never been here.
    """
    held = _held(request)
    secret = held.get(_key(*who), "") or devices.of_this_browser(user, list(held.values()))
    is_old, label = 0 < len(secret) <= _SHORTER, device_name(visit.user_agent)
    secret = new_device.meet(user, secret, visit, session_uid, label, new=new, quiet=is_old)
    remember(request, response, [who], secret)


def pass_by(user: User, visit: Visit, session_uid: str, *, new: bool = False) -> None:
    """Tell `user` of a sign-in in a browser that keeps nothing of it, or by a program: else whoever
    has their password would leave no trace by ticking a box. The institution's own machines, whose
    network says of `visit` that it is shared, are no news.
    """
    if not visit.shared:
        label = device_name(visit.user_agent)
        new_device.pass_by(user, visit, session_uid, label, new=new)


def remember(
    request: HttpRequest, response: HttpResponse, names: Iterable[tuple[str, str]], secret: str
) -> None:
    """Keep a person's secret in the cookie of a browser, by each of the `names` by which a source
    knows them, before those of others.
    """
    mine = {_key(*who): secret for who in names}
    others = {key: held for key, held in _held(request).items() if key not in mine}
    kept = list({**mine, **others}.items())[:AT_MOST]
    cookies.remember(response, COOKIE, kept, SECONDS)


def _held(request: HttpRequest) -> dict[str, str]:
    found = cookies.recall(request, COOKIE)
    return dict(found) if isinstance(found, list) else {}


def _key(source: str, name: str) -> str:
    return digest("\0".join((source, username_key(name))))[:22]
