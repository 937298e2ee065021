"""The answer to a web server's question, as values: no request, no response (docs/gateway.md 1).

The short way asks `weighed` and `at_hand`, Django's middleware `answer` and `unavailable`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import structlog
from django.utils import timezone

from accounts import conf, database
from accounts.errors import (
    AccessDenied,
    InvalidGrant,
    ProtocolError,
    TemporarilyUnavailable,
    TooManyRequests,
)
from accounts.provider import Visit
from accounts.session import vault
from portal import conf as portal_conf
from portal.gateway import dav, refusal, rules, who
from portal.gateway import forwarded as forwarded_request
from portal.gateway.decision import (
    Allow,
    By,
    Decision,
    Forbidden,
    Settings,
    SignIn,
    Unauthorized,
    Who,
    decide,
)
from portal.gateway.expiry import clear_site_data, expired
from portal.gateway.forwarded import Forwarded
from portal.server.kept import Keep

PATH = "/gateway/check"
log = structlog.get_logger("vestibule.gateway")


@dataclass(frozen=True, slots=True)
class Question:
    """What a web server sends. `headers` are by name in lower case, one value each; `address` is
    the caller's as the proxies tell it. `unreadable` are names of headers whose value is not known.
    """

    query: str
    headers: Mapping[str, str] = field(repr=False)
    address: str = ""
    unreadable: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Answer:
    """What it gets: status, headers in their order, body."""

    status: int
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(default=b"", repr=False)


def answer(question: Question) -> Answer:
    """Return the answer; an error of the question's is one too. Raises `DatabaseError`."""
    return weighed(question)[0]


def weighed(
    question: Question, identify: Callable[..., Who] = who.identify
) -> tuple[Answer, Keep | None]:
    """Return the answer, and for how long the same question gets the same; None if it might not."""
    try:
        return _weighed(question, identify)
    except ProtocolError as error:
        return _failed(error), None


def at_hand(
    question: Question, remembered: Callable[[Mapping[str, str], str], Who | None]
) -> tuple[Answer, Keep | None] | None:
    """Return the same as `weighed` where that takes no query and writes nothing: who asks is
    `remembered`, and gets neither a page of ours nor the upstream's token. Else None.
    """
    try:
        asked = forwarded_request.read(question.headers, question.unreadable)
    except ProtocolError:
        return None
    compiled, somebody = rules.at_hand(), remembered(question.headers, asked.host)
    if compiled is None or somebody is None:
        return None
    settings = settings_of(question)
    decision = decide(somebody, asked, compiled, settings, timezone.now())
    if isinstance(decision, Forbidden) or _is_told(decision, asked):
        return None
    if isinstance(decision, Allow) and decision.pass_token:
        return None
    return rendered(decision, asked, settings), _keep(somebody, decision, question)


def unavailable(question: Question, *, is_page: bool = False) -> Answer:
    """Return the answer while the database cannot be asked: a page for a person, as who asks at an
    address that `is_page`, else JSON.
    """
    found = _failed(TemporarilyUnavailable("Try again.", retry_after=database.RETRY_AFTER))
    try:
        asked = None if is_page else forwarded_request.read(question.headers, question.unreadable)
    except ProtocolError:
        return found
    if asked and not (asked.navigates or asked.sends_form):
        return found
    return _paged(found, refusal.trouble_page(asked, question.headers), framed=True)


def _weighed(question: Question, identify: Callable[..., Who]) -> tuple[Answer, Keep | None]:
    headers = question.headers
    asked = forwarded_request.read(headers, question.unreadable)
    settings, compiled = settings_of(question), rules.compiled()
    visit = Visit(question.address, headers.get("user-agent", "")[:300])
    somebody = identify(headers, visit, asked.host, opens_page=asked.opens_page)
    decision = decide(somebody, asked, compiled, settings, timezone.now())
    passes, token = isinstance(decision, Allow) and decision.pass_token, ""
    if passes:
        try:
            token = _upstream_token(somebody)
        except InvalidGrant:  # the upstream has just ended the session
            somebody = Who()
            decision = decide(somebody, asked, compiled, settings, timezone.now())
    found = rendered(decision, asked, settings, token)
    if isinstance(decision, Forbidden) and settings.asks_again:
        return found, None
    if isinstance(decision, Forbidden):  # each is counted
        code = refusal.record(decision, somebody, asked, visit)
        return _explained(found, decision, somebody, asked, question, code), None
    if isinstance(decision, Unauthorized) and _is_told(decision, asked):
        return _paged(found, refusal.form_page(decision, question.headers), framed=True), None
    return found, None if passes else _keep(somebody, decision, question)


def _keep(somebody: Who, decision: Decision, question: Question) -> Keep | None:
    """Return how long a decision stands: by a cookie as its session does, by an access token as
    both do, without any credentials as the rules do.
    """
    now = timezone.now().timestamp()
    if somebody.by is By.NOTHING:
        shown = question.headers.get("authorization") or who.shown(question.headers)
        return None if shown or somebody.failed else Keep(now + 60, frozenset())
    if somebody.keep is None:
        return None
    proofs = (rule.proof + somebody.session.auth_time for rule in decision.rules if rule.proof)
    until = min([somebody.keep.until, *(moment for moment in proofs if moment > now)])
    return replace(somebody.keep, until=until)


def rendered(decision: Decision, asked: Forwarded, settings: Settings, token: str = "") -> Answer:
    """Return the answer that a decision makes. `token` is what `Authorization` holds where the rule
    passes the upstream's token on.
    """
    if isinstance(decision, Allow):
        headers = list(decision.headers.items())
        headers += [("Authorization", token)] if decision.pass_token else []
        return Answer(200, (*headers, ("Cache-Control", "no-store")))
    return _refused(decision, asked, settings)


def settings_of(question: Question) -> Settings:
    """Return what the site is like for the web server that asks."""
    said = question.query.split("&")
    return Settings(
        site_url=conf.site_url(),
        domain=portal_conf.cookie_domain(),
        origins=frozenset(conf.frontend_origins()),
        basic=portal_conf.app_passwords(),
        redirect_as_401="redirect=401" in said,
        asks_again="again=1" in said,
    )


def _upstream_token(somebody: Who) -> str:
    """Return the person's upstream token as `Authorization` has it; nothing when there is none.

    Raises `InvalidGrant` when the upstream refuses to renew it: the session has ended then.
    """
    tokens = vault.fresh(somebody.session, wait=True)
    usable = tokens is not None and tokens.access_token.isascii() and tokens.access_token
    return f"Bearer {tokens.access_token}" if tokens and usable else ""


def _explained(
    found: Answer,
    decision: Forbidden,
    somebody: Who,
    asked: Forwarded,
    question: Question,
    code: str,
) -> Answer:
    """Return a refusal with its support code: a page for a browser that goes to one, else JSON."""
    if asked.is_dav:
        return found
    if not (asked.navigates or asked.sends_form):
        coded = f" Support code {code}." if code else ""
        return replace(found, body=_json(AccessDenied(f"Refused: {decision.why}.{coded}")))
    return _paged(found, refusal.page(decision, somebody, code, question.headers))


def _is_told(decision: Decision, asked: Forwarded) -> bool:
    """Tell whether a person reads a page in the place of a challenge: what they sent is lost."""
    return isinstance(decision, Unauthorized) and asked.sends_form


def _paged(found: Answer, body: bytes, *, framed: bool = False) -> Answer:
    """Return an answer with a page as its body. `framed`: also in a frame of the application."""
    head = [(name, value) for name, value in found.headers if name != "Content-Type"]
    head += [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", refusal.policy(framed=framed)),
        ("X-Content-Type-Options", "nosniff"),
    ]
    return Answer(found.status, tuple(head), body)


def _refused(
    decision: SignIn | Unauthorized | Forbidden, asked: Forwarded, settings: Settings
) -> Answer:
    headers = [("Cache-Control", "no-store")]
    if isinstance(decision, (SignIn, Unauthorized)):
        is_secure = asked.scheme == "https"
        headers += [("Set-Cookie", expired(each, is_secure)) for each in decision.expires]
        headers += clear_site_data(decision.clear_storage)
    if asked.origin in settings.origins:
        headers += [
            ("Access-Control-Allow-Origin", asked.origin),
            ("Access-Control-Allow-Credentials", "true"),
            ("Access-Control-Expose-Headers", "WWW-Authenticate"),
            ("Vary", "Origin"),
        ]
    if isinstance(decision, SignIn):
        status = 401 if settings.redirect_as_401 else 302
        return Answer(status, (("Location", decision.location), *headers))
    headers += [("WWW-Authenticate", each) for each in _lines(decision.challenges, settings)]
    if isinstance(decision, Unauthorized):
        error = decision.error
        if isinstance(error, TooManyRequests):
            headers.append(("Retry-After", str(error.retry_after)))
        # nginx passes on 401 and 403 alone.
        is_over = isinstance(error, TooManyRequests) and not settings.redirect_as_401
        return _with_body(error, error.status if is_over else 401, headers, asked)
    return _with_body(AccessDenied(decision.why), 403, headers, asked)


def _lines(challenges: tuple[str, ...], settings: Settings) -> tuple[str, ...]:
    """Return a line for each challenge; one for all where nginx passes on the first line alone."""
    return (", ".join(challenges),) if settings.redirect_as_401 and challenges else challenges


def _with_body(
    error: ProtocolError, status: int, headers: list[tuple[str, str]], asked: Forwarded
) -> Answer:
    if asked.is_dav:
        kind, body = dav.CONTENT_TYPE, dav.error(status, error.description)
    else:
        kind, body = "application/json", _json(error)
    return Answer(status, (("Content-Type", kind), *headers), body)


def _failed(error: ProtocolError) -> Answer:
    headers = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]
    if isinstance(error, TemporarilyUnavailable):
        headers.append(("Retry-After", str(error.retry_after)))
    return Answer(error.status, tuple(headers), _json(error))


def _json(error: ProtocolError) -> bytes:
    said = {"error": error.error, "error_description": error.description}
    return json.dumps(said).encode()
