"""Who asks, by the credentials that came with the request: the cookie, or an access token."""

from collections.abc import Mapping

from django.http import parse_cookie
from django.utils import timezone

from accounts.errors import InvalidGrant, InvalidRequest, TooManyRequests
from accounts.models import User
from accounts.provider import Visit
from accounts.session import renewal
from accounts.session.store import SessionStore
from accounts.upstream import cookie_header
from portal import conf
from portal.gateway import app_passwords
from portal.gateway.decision import By, Who
from portal.tokens import foreign, token_format
from portal.tokens.token_errors import InvalidToken


def identify(headers: Mapping[str, str], visit: Visit) -> Who:
    """Return who asks; nobody without credentials that count.

    The cookie counts first: an application may use `Authorization` for itself. Raises
    `InvalidRequest` when cookie and access token are two people's, `AccessDenied` for a token of
    somebody whom its source does not let in, `TemporarilyUnavailable` when a source must be asked
    and does not answer, `DatabaseError`.
    """
    held = _by_cookie(headers.get("cookie", ""))
    scheme, _, text = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic" and conf.app_passwords() and not held.session.is_logged_in:
        return _by_password(text, visit)
    if scheme.lower() != "bearer":
        return held
    text = text.strip(" ")
    if held.session.is_logged_in and not token_format.is_token(text, token_format.ACCESS):
        return held
    by_token = _by_token(text, visit)
    if not held.session.is_logged_in:
        return by_token
    if by_token.uid and by_token.uid != held.uid:
        raise InvalidRequest("The cookie and the access token are two people's.")
    return held


def _by_cookie(header: str) -> Who:
    value = parse_cookie(header).get(conf.session_cookie())
    if not value:
        return Who()
    store = SessionStore(value)
    if not store.typed.is_logged_in:
        return Who()
    store.touch(timezone.now())
    store = _renewed(store, header)
    session = store.typed
    if not session.is_logged_in:
        return Who()
    person = User.objects.filter(sessions__uid=session.uid).first()
    if person is None:
        return Who()
    return Who(By.COOKIE, session, person.uid, person.email, _groups(person))


def _renewed(store: SessionStore, header: str) -> SessionStore:
    """Return the store as its upstream leaves it. A session that is bound to a cookie is judged
    only where that cookie arrives (docs/threats.md 2.8).
    """
    if store.typed.bound_to:
        return store
    store = renewal.renew(store, cookie_header.parse(header))
    if store.session_key:
        store.save()
    return store


def _by_token(text: str, visit: Visit) -> Who:
    try:
        held = foreign.find(text, visit)
    except InvalidToken as error:
        return Who(failed=error)
    person = held.user
    return Who(By.BEARER, held.session, person.uid, person.email, _groups(person), held.scopes)


def _by_password(text: str, visit: Visit) -> Who:
    try:
        owner = app_passwords.find(text, visit)
    except (InvalidGrant, TooManyRequests) as error:
        return Who(failed=error)
    person = owner.person
    groups = _groups(person)
    return Who(By.BASIC, owner.session, person.uid, person.email, groups, reach=owner.reach)


def _groups(person: User) -> tuple[str, ...]:
    return tuple(person.groups.order_by("name").values_list("name", flat=True))
