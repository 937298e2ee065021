"""The decision: one pure function of who asks, what for, and the rules (docs/gateway.md 2)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from urllib.parse import urlencode, urlsplit

from accounts.errors import LoginRequired, ProtocolError
from accounts.models import User
from accounts.session.typed import Session
from portal.gateway import identity
from portal.gateway.forwarded import Forwarded
from portal.gateway.hosts import LOCAL, arrives
from portal.gateway.reach import Reach
from portal.gateway.rules import NOBODY, PUBLIC, AppCookie, Rule, Rules
from portal.server.kept import Keep
from portal.tokens.challenge import challenge
from portal.tokens.token_errors import InsufficientScope, InvalidToken

SCOPE = "gateway"
# A server that echoes a request would show what was added to it (RFC 9110, 9.3.8).
_REFUSED_METHODS = frozenset({"TRACE", "TRACK", "CONNECT"})


class By(Enum):
    """The credentials that somebody came with."""

    NOTHING = "nothing"
    COOKIE = "cookie"
    BEARER = "bearer"
    BASIC = "basic"


@dataclass(frozen=True, slots=True)
class Who:
    """Who asks: the session as it stands, its person, by which credentials, and for how long that
    may be believed.

    `scopes` are an access token's; None for credentials that have no scopes. `reach` is an app
    password's. `failed` is why a token or a password that was given does not count.
    """

    by: By = By.NOTHING
    session: Session = field(default_factory=Session)
    uid: str = ""
    email: str = field(default="", repr=False)
    groups: tuple[str, ...] = ()
    scopes: frozenset[str] | None = None
    reach: Reach = field(default_factory=Reach)
    failed: ProtocolError | None = None
    username: str = ""
    keep: Keep | None = field(default=None, repr=False, compare=False)

    def is_in(self, asked: Forwarded) -> bool:
        """Tell whether the person is known to the application that is `asked` for."""
        is_active = self.session.is_logged_in and self.session.status == User.Status.ACTIVE
        has_scope = self.scopes is None or SCOPE in self.scopes
        return is_active and has_scope and self.reach.covers(asked)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the site is like: its address; the domain for which its cookie is set, if it is; the
    origins whose scripts may read a refusal; whether `Basic` is offered; whether this web server
    cannot pass on a redirect (nginx), and will ask once more for what it shows of a 403.
    """

    site_url: str
    domain: str = ""
    origins: frozenset[str] = frozenset()
    basic: bool = False
    redirect_as_401: bool = False
    asks_again: bool = False

    @property
    def host(self) -> str:
        """The site's own host, without a port."""
        return urlsplit(self.site_url).hostname or ""


@dataclass(frozen=True, slots=True)
class Allow:
    """Let in, with these headers for the application. `pass_token`: and with the upstream's."""

    headers: Mapping[str, str] = field(repr=False)
    pass_token: bool = False
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class SignIn:
    """Send the browser to `location`."""

    location: str
    expires: tuple[AppCookie, ...] = ()
    clear_storage: bool = False
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Unauthorized:
    """Ask for credentials by these challenges."""

    error: ProtocolError
    challenges: tuple[str, ...] = ()
    expires: tuple[AppCookie, ...] = ()
    clear_storage: bool = False
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class Forbidden:
    """Refuse whoever it is; `why` is the reason, a constant of this module."""

    why: str
    challenges: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()


Decision = Allow | SignIn | Unauthorized | Forbidden

NO_RULE = "no-rule"
METHOD = "method"
UPGRADE = "upgrade"
CLOSED = "nobody"
AWAITING = "awaiting-access"
SCOPED = "scope"
BEYOND = "reach"
TYPE = "type"
GROUP = "group"


class FreshProofNeeded(ProtocolError):
    """`insufficient_user_authentication` (RFC 9470, 3): the proof is older than `seconds`."""

    error = "insufficient_user_authentication"
    status = 401

    def __init__(self, seconds: int) -> None:
        super().__init__("A more recent sign-in is needed.")
        self.seconds = seconds


def decide(who: Who, asked: Forwarded, rules: Rules, settings: Settings, now: datetime) -> Decision:
    """Return what becomes of a request: the strictest that any of its readings leads to."""
    if not _REFUSED_METHODS.isdisjoint(asked.methods):
        return Forbidden(METHOD)
    matched = _matched(asked, rules)
    if matched is None:
        return Forbidden(NO_RULE)
    if asked.upgrade and not (
        asked.upgrade == "websocket" and all(rule.websockets for rule in matched)
    ):
        return Forbidden(UPGRADE, rules=matched)
    if asked.is_preflight and all(rule.access != NOBODY for rule in matched):
        return Allow(identity.headers(Who().session, "", "", ()), rules=matched)
    needed: ProtocolError | None = None
    for rule in matched:
        refused = _judge(rule, who, asked, now)
        if isinstance(refused, str):
            return _forbidden(refused, matched)
        needed = refused or needed
    if needed:
        return _ask(needed, asked, matched, settings)
    return _allow(who, asked, matched)


def _matched(asked: Forwarded, rules: Rules) -> tuple[Rule, ...] | None:
    """Return the rule of each reading, once each; None when one of them has none."""
    found: dict[str, Rule] = {}
    for method in asked.methods:
        for reading in asked.readings:
            rule = rules.first(asked.host, method, reading)
            if rule is None:
                return None
            found.setdefault(rule.slug, rule)
    return tuple(found.values())


def _judge(  # one line for each reason
    rule: Rule, who: Who, asked: Forwarded, now: datetime
) -> str | ProtocolError | None:
    """Return why a rule refuses somebody, what they must bring, or None for who may come in."""
    session = who.session
    if rule.access == NOBODY:
        return CLOSED
    if rule.access == PUBLIC:
        return None
    if not session.is_logged_in:
        return who.failed or LoginRequired("Sign in first.")
    if who.scopes is not None and SCOPE not in who.scopes:
        return SCOPED
    if session.status != User.Status.ACTIVE:
        return AWAITING
    if not who.reach.covers(asked):
        return BEYOND
    if rule.types and session.type not in rule.types:
        return TYPE
    if rule.groups and rule.groups.isdisjoint(who.groups):
        return GROUP
    if rule.proof and now.timestamp() - session.auth_time >= rule.proof:
        return FreshProofNeeded(rule.proof)
    return None


def _forbidden(why: str, matched: tuple[Rule, ...]) -> Forbidden:
    said = (challenge(InsufficientScope(SCOPE)),) if why == SCOPED else ()
    return Forbidden(why, said, matched)


def _ask(
    needed: ProtocolError, asked: Forwarded, matched: tuple[Rule, ...], settings: Settings
) -> SignIn | Unauthorized:
    """Return how somebody is asked to sign in, and what ends of the application's own meanwhile."""
    expires = tuple(
        dict.fromkeys(
            cookie for rule in matched for cookie in rule.cookies if cookie.name in asked.cookies
        )
    )
    if settings.redirect_as_401:  # nginx passes one on
        expires = expires[:1]
    clear = any(rule.clear_storage for rule in matched) and bool(expires)
    if asked.navigates:
        again = isinstance(needed, FreshProofNeeded)
        location = sign_in_url(asked, settings, again=again)
        return SignIn(location, expires, clear, matched)
    challenges = () if asked.is_script else tuple(_challenges(needed, asked, settings))
    return Unauthorized(needed, challenges, expires, clear, matched)


def sign_in_url(asked: Forwarded, settings: Settings, *, again: bool = False) -> str:
    """Return where a browser signs in, on its way to the page that it asked for: at the site, or
    first at the page's own host, where the site's cookie does not arrive.
    """
    if not arrives(asked.host, urlsplit(settings.site_url).hostname or "", settings.domain):
        there = urlencode({"rd": asked.target})
        return f"{asked.scheme}://{asked.authority}{LOCAL}start?{there}"
    url = asked.url
    if url.startswith(f"{settings.site_url}/"):
        url = url.removeprefix(settings.site_url)
    query = {"next": url, **({"again": "1"} if again else {})}
    return f"{settings.site_url}/login?{urlencode(query)}"


def _challenges(needed: ProtocolError, asked: Forwarded, settings: Settings) -> list[str]:
    """Return the challenges. A browser would ask for a password in a window of its own: it is
    offered no `Basic`.
    """
    said = challenge(needed if isinstance(needed, InvalidToken) else LoginRequired())
    if isinstance(needed, FreshProofNeeded):
        said += f', error="{needed.error}", max_age="{needed.seconds}"'
    basic = 'Basic realm="vestibule", charset="UTF-8"'
    return [said, basic] if settings.basic and not asked.in_browser else [said]


def _allow(who: Who, asked: Forwarded, matched: tuple[Rule, ...]) -> Allow:
    session = who.session
    if not who.is_in(asked):
        return Allow(identity.headers(Session(), "", "", ()), rules=matched)
    user = who.username if any(rule.by_username for rule in matched) else who.uid
    passes = all(rule.pass_token for rule in matched)
    return Allow(identity.headers(session, user, who.email, who.groups), passes, matched)
