"""The rule tester: what would happen to a request, and why. Nothing is asked, nothing written."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.errors import InvalidRequest
from accounts.models import User
from accounts.session.typed import Session
from accounts.strength import named
from portal.door import event_words
from portal.gateway import check, decision, forwarded
from portal.gateway.decision import Allow, By, Decision, Forbidden, SignIn, Who
from portal.gateway.forwarded import Forwarded
from portal.gateway.rules import Rules

# What is sent along by who asks: a browser that goes to a page, its script, any other client, which
# lists a folder by one level.
MANNERS = {
    "page": {"accept": "text/html", "sec-fetch-mode": "navigate"},
    "script": {"accept": "*/*", "sec-fetch-mode": "cors", "x-requested-with": "XMLHttpRequest"},
    "client": {"accept": "*/*", "depth": "1"},
}
_TOKEN = "Bearer ..."  # noqa: S105  # where the upstream's would stand


@dataclass(frozen=True, slots=True)
class Looked:
    """A reading of the request: method and path as they may be understood, and the rule's slug; or
    a rule below that it reaches.
    """

    method: str
    path: str
    rule: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What would happen: the status, why in a sentence, the headers, and which rules were found."""

    status: int
    why: str
    headers: tuple[tuple[str, str], ...]
    looked: tuple[Looked, ...]


def imagined(kind: str, groups: tuple[str, ...], proof: timedelta | None, level: str = "") -> Who:
    """Return somebody with a session of this type and these groups, who proved who they are so long
    ago and as strongly as `level` says; nobody without a type.
    """
    if not kind:
        return Who()
    now = timezone.now()
    session = Session(
        uid="0" * 32, type=kind, source=kind, name="Jane Doe", username="jane", status="active",
        auth_time=int((now - proof).timestamp()) if proof is not None else 0,
    )  # fmt: skip
    known = "0" * 32, "jane@example.org", groups
    return Who(By.COOKIE, session, *known, username="jane", strength=named(level))


def known(person: User, kind: str, proof: timedelta | None, level: str = "") -> Who:
    """Return a person as they are, with a session of this type; nobody for one who is disabled, who
    has no session.
    """
    if person.status == User.Status.DISABLED:
        return Who()
    groups = tuple(person.groups.order_by("name").values_list("name", flat=True))
    base = imagined(kind or "local", groups, proof, level)
    session = replace(
        base.session, name=person.name, username=person.username, status=person.status
    )
    email = person.email if person.email_verified else ""
    return replace(base, session=session, uid=person.uid, email=email, username=person.username)


def outcome(who: Who, url: str, method: str, manner: str, rules: Rules, now: datetime) -> Outcome:
    """Return what would happen to a request; what moves or copies does so to the same place. Raises
    `InvalidRequest` for one that would be refused unread.
    """
    asked = forwarded.read({**MANNERS[manner], **_sent(url, method)})
    settings = check.settings_of(check.Question("", {}))
    decided = decision.decide(who, asked, rules, settings, now)
    answer = check.rendered(decided, asked, settings, _TOKEN)
    looked = tuple(dict.fromkeys(_looked(asked, rules)))
    return Outcome(answer.status, _why(who, decided), answer.headers, looked)


def is_read(url: str, method: str) -> bool:
    """Tell whether the gateway would read an address that is tried by a method."""
    try:
        forwarded.read(_sent(url, method))
    except InvalidRequest:
        return False
    return True


def _sent(url: str, method: str) -> dict[str, str]:
    place = url.partition("?")[0]
    return {"x-original-method": method.upper(), "x-original-url": url, "destination": place}


def _looked(asked: Forwarded, rules: Rules) -> Iterator[Looked]:
    for method in asked.methods:
        for reading in asked.readings:
            rule = rules.first(asked.host, method, reading)
            yield Looked(method, reading.path, rule.slug if rule else "")
    for method, reading in asked.reaching():
        for rule in rules.below(asked.host, method, reading):
            yield Looked(method, rule.path, rule.slug)


def _why(who: Who, decided: Decision) -> str:
    if isinstance(decided, Allow):
        if not decided.headers["Remote-User"]:
            return _("The rule lets everybody in.")
        return _("The rule lets this person in.")
    if isinstance(decided, Forbidden):
        return event_words.of_reason(decided.why)
    if who.session.is_logged_in and decision.is_too_weak(who, decided):
        return _("The sign-in is too weak: a stronger one is asked for.")
    if isinstance(decided, SignIn) and who.session.is_logged_in:
        return _("The proof of identity is too old: the browser is sent to sign in again.")
    if isinstance(decided, SignIn):
        return _("Nobody is signed in: the browser is sent to sign in.")
    if who.session.is_logged_in:
        return _("The proof of identity is too old: a fresh one is asked for.")
    return _("Nobody is signed in, and this is no browser going to a page: it gets a challenge.")
