"""The decision: one pure function of who asks, what for, and the rules (docs/gateway.md 2)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum
from functools import reduce
from urllib.parse import urlencode, urlsplit

from accounts.errors import InsufficientUserAuthentication, LoginRequired, ProtocolError
from accounts.models import User
from accounts.session.typed import Session
from accounts.strength.levels import WORDS, Strength
from portal.gateway import identity
from portal.gateway.forwarded import Forwarded
from portal.gateway.hosts import LOCAL, arrives
from portal.gateway.reach import Reach
from portal.gateway.rules import NOBODY, PUBLIC, SIGNED_IN, AppCookie, Rule, Rules
from portal.server.kept import Keep
from portal.tokens.challenge import challenge
from portal.tokens.revoked import GATEWAY
from portal.tokens.token_errors import InsufficientScope, InvalidToken

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
    password's. `strength` is how strong the proof is, None if nobody knows. `failed` is why a token
    or a password that was given does not count. `unjudged`: nobody, until the site has seen that
    the upstream still knows the browser.
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
    strength: Strength | None = None
    unjudged: bool = False
    keep: Keep | None = field(default=None, repr=False, compare=False)

    def is_in(self, asked: Forwarded) -> bool:
        """Tell whether the person is known to the application that is `asked` for."""
        is_active = self.session.is_logged_in and self.session.status == User.Status.ACTIVE
        has_scope = self.scopes is None or GATEWAY in self.scopes
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
    """Ask for credentials by these challenges. Who has sent a form can sign in at `location`."""

    error: ProtocolError
    challenges: tuple[str, ...] = ()
    location: str = ""
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
    judged = (*matched, *below(asked, rules, matched))
    needed: ProtocolError | None = None
    for rule in judged:
        refused = _judge(rule, who, asked, now)
        if isinstance(refused, str):
            return _forbidden(refused, tuple(dict.fromkeys((*matched, rule))))
        needed = refused or needed
    if isinstance(needed, InsufficientUserAuthentication):  # of all rules together
        proof = who.strength, who.session.auth_time, now
        needed = all_that_lacks(_for_people(judged), *proof)
    if needed:
        return _ask(needed, asked, judged, settings, goes_on=who.unjudged)
    return replace(_allow(who, asked, matched), rules=judged)


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


def below(asked: Forwarded, rules: Rules, matched: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Return the rules beside those `matched` whose paths a request reaches from above: who deletes
    a folder deletes what is closed to them in it (RFC 4918, 9.6.1).
    """
    found = {rule.slug: rule for rule in matched}
    for method, reading in asked.reaching():
        for rule in rules.below(asked.host, method, reading):
            found.setdefault(rule.slug, rule)
    return tuple(found.values())[len(matched) :]


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
    if who.scopes is not None and GATEWAY not in who.scopes:
        return SCOPED
    if session.status != User.Status.ACTIVE:
        return AWAITING
    if not who.reach.covers(asked):
        return BEYOND
    if rule.types and session.type not in rule.types:
        return TYPE
    if rule.groups and rule.groups.isdisjoint(who.groups):
        return GROUP
    return lacks(rule, who.strength, session.auth_time, now)


def lacks(
    rule: Rule, level: Strength | None, auth_time: int, now: datetime
) -> InsufficientUserAuthentication | None:
    """Return what a rule wants of a proof that is of this `level` and of `auth_time`; None when it
    is strong and recent enough.
    """
    is_weak = rule.strength is not None and (level or 0) < rule.strength
    is_old = rule.proof and now.timestamp() - auth_time >= rule.proof
    if not is_weak and not is_old:
        return None
    return InsufficientUserAuthentication(
        strength=rule.strength.word if rule.strength else "",  # a sign-in anew must not be weaker
        max_age=rule.proof or None,
        description="" if is_weak else "A more recent sign-in is needed.",
    )


def all_that_lacks(
    matched: Iterable[Rule], level: Strength | None, auth_time: int, now: datetime
) -> InsufficientUserAuthentication | None:
    """Return what several rules want of a proof together, as `lacks` says it of one."""
    found = [each for rule in matched if (each := lacks(rule, level, auth_time, now))]
    return reduce(_both, found) if found else None


def is_too_weak(who: Who, decided: Decision) -> bool:
    """Tell whether it is the strength of the proof that a decision misses."""
    return any(each.strength and (who.strength or 0) < each.strength for each in decided.rules)


def demanded(matched: Iterable[Rule]) -> str:
    """Return the strongest word that rules ask for, nothing when none does."""
    wanted = max((each.strength for each in matched if each.strength), default=None)
    return wanted.word if wanted else ""


def _both(
    one: InsufficientUserAuthentication, other: InsufficientUserAuthentication
) -> InsufficientUserAuthentication:
    ages = [each.max_age for each in (one, other) if each.max_age is not None]
    word = max(one.strength, other.strength, key=lambda each: WORDS.get(each, 0))
    return InsufficientUserAuthentication(word, min(ages, default=None))


def _for_people(matched: Iterable[Rule]) -> list[Rule]:
    return [each for each in matched if each.access == SIGNED_IN]


def _forbidden(why: str, matched: tuple[Rule, ...]) -> Forbidden:
    said = (challenge(InsufficientScope(GATEWAY)),) if why == SCOPED else ()
    return Forbidden(why, said, matched)


def _ask(
    needed: ProtocolError,
    asked: Forwarded,
    matched: tuple[Rule, ...],
    settings: Settings,
    *,
    goes_on: bool,
) -> SignIn | Unauthorized:
    """Return how somebody is asked to sign in, and what ends of the application's own meanwhile;
    nothing where it `goes_on`, as far as is known.
    """
    named = (each for rule in matched for each in rule.cookies if each.name in asked.cookies)
    expires = () if goes_on else tuple(dict.fromkeys(named))
    if settings.redirect_as_401:  # nginx passes one on
        expires = expires[:1]
    clear = any(rule.clear_storage for rule in matched) and bool(expires)
    if asked.navigates:
        location = _way_in(needed, asked, matched, settings)
        return SignIn(location, expires, clear, matched)
    challenges = () if asked.is_script else tuple(_challenges(needed, asked, settings))
    location = ""
    if asked.sends_form:
        form = replace(asked, target=asked.form_page)
        location = _way_in(needed, form, matched, settings)
    return Unauthorized(needed, challenges, location, expires, clear, matched)


def _way_in(
    needed: ProtocolError, asked: Forwarded, matched: tuple[Rule, ...], settings: Settings
) -> str:
    if isinstance(needed, InsufficientUserAuthentication):
        return sign_in_url(asked, settings, again=True, strength=needed.strength)
    return sign_in_url(asked, settings, strength=demanded(matched))


def sign_in_url(
    asked: Forwarded, settings: Settings, *, again: bool = False, strength: str = ""
) -> str:
    """Return where a browser signs in, on its way to the page that it asked for: at the site, or
    first at the page's own host, where the site's cookie does not arrive. `strength` is a demand.
    """
    if not arrives(asked.host, urlsplit(settings.site_url).hostname or "", settings.domain):
        there = urlencode({"rd": asked.target})
        return f"{asked.scheme}://{asked.authority}{LOCAL}start?{there}"
    url = asked.url
    if url.startswith(f"{settings.site_url}/"):
        url = url.removeprefix(settings.site_url)
    query = {"next": url, "again": "1" if again else "", "strength": strength}
    wanted = {name: value for name, value in query.items() if value}
    return f"{settings.site_url}/login?{urlencode(wanted)}"


def _challenges(needed: ProtocolError, asked: Forwarded, settings: Settings) -> list[str]:
    """Return the challenges. A browser would ask for a password in a window of its own: it is
    offered no `Basic`.
    """
    told = isinstance(needed, (InvalidToken, InsufficientUserAuthentication))
    said = challenge(needed if told else LoginRequired())
    basic = 'Basic realm="vestibule", charset="UTF-8"'
    return [said, basic] if settings.basic and not asked.in_browser else [said]


def _allow(who: Who, asked: Forwarded, matched: tuple[Rule, ...]) -> Allow:
    session = who.session
    if not who.is_in(asked):
        return Allow(identity.headers(Session(), "", "", ()), rules=matched)
    user = who.username if any(rule.by_username for rule in matched) else who.uid
    passes = all(rule.pass_token for rule in matched)
    return Allow(identity.headers(session, user, who.email, who.groups), passes, matched)
