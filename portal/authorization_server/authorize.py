"""The authorization endpoint: who signs in, what they allow, and the way back to the client.

RFC 6749, 4.1; OIDC Core, 3.1.2. A stranger's POST decides nothing: it comes back as our GET.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from accounts import conf, events, strength
from accounts.errors import (
    AccessDenied,
    InvalidRequest,
    LoginRequired,
    ProtocolError,
    TooManyRequests,
)
from accounts.keyring import Unreadable, digest, seal, unseal
from accounts.models import User
from accounts.session import access
from accounts.session.ending import hold
from accounts.session.typed import Session
from accounts.source import catalogue
from portal import conf as portal_conf
from portal.authorization_server import (
    answer,
    asked,
    codes,
    consents,
    keys,
    pushed,
    steps,
    wire,
)
from portal.authorization_server.answer import WayBack
from portal.authorization_server.asked import Asked
from portal.authorization_server.errors import NoWayBack
from portal.authorization_server.models import Client, Spent
from portal.authorization_server.steps import Step
from portal.authorization_server.wire import Parameters
from portal.door import answers, cookies, incoming, routes, wishes
from portal.door.destinations import LONGEST

PATH = "/oauth/authorize"
_AGAIN, _CONSENT = "asked-again", "consent-once"
# The parameter in which we remember, sealed, when this request sent its person to sign in again.
_MARK = "vestibule_asked"
_PARAMETERS = frozenset({*asked.PARAMETERS, _MARK})
_CONSENT_LIFE = timedelta(minutes=10)
# Django redirects to no address of more than 16384 characters, and proxies have their own limits.
_LONGEST_ADDRESS = 8000


@dataclass(frozen=True, slots=True)
class Case:
    """One authorization request on its way: as it came, as it was read, where its answer goes."""

    came: Parameters
    given: Parameters
    way: WayBack
    asked: Asked


@csrf_exempt
@login_not_required
@require_http_methods(["GET", "POST"])
def authorize(request: HttpRequest) -> HttpResponse:
    """Take an authorization request, and lead to what it needs next."""
    try:
        came = wire.read(request.POST if request.method == "POST" else request.GET, _PARAMETERS)
        if request.method == "POST":  # it brings no Lax cookie, what follows does
            return answers.see_other(_led_to(request, came))
        given = pushed.resolve(came)
        way = answer.find(given)
    except (InvalidRequest, TooManyRequests) as error:
        return _page(request, error)
    try:
        case = Case(came, given, way, asked.read(way.client, given, way.redirect_uri))
        return _go_on(request, case)
    except NoWayBack as error:  # the client has just been deleted
        return _page(request, error)
    except ProtocolError as error:
        return way.failure(request, error)


@login_not_required
@require_POST
def decide(request: HttpRequest) -> HttpResponse:
    """Take the person's Allow or Deny, for the very request that they were shown, once, within ten
    minutes. Who is late, or whose session is another one by now, signs in if need be, and is asked
    anew.
    """
    session = incoming.session_of(request)
    if session.is_logged_in:
        access.require(session)
    try:
        sealed = request.POST.get("request", "")
        key, came, resource, at, uid, person = unseal(sealed, _CONSENT)
        given = Parameters(came)
        given.resource = tuple(resource)
        if session.is_logged_in and person != incoming.person_id(request):
            raise NoWayBack("This question was put to somebody else.")
        over = datetime.fromtimestamp(at, UTC) + _CONSENT_LIFE
        # The session has ended, cannot be read or is another one; or the page is from long ago.
        if not session.is_logged_in or uid != session.uid or timezone.now() > over:
            return answers.see_other(_led_to(request, given))
        # In one transaction, so that an answer counts with what it is worth or not at all.
        with access.still_there(), transaction.atomic():
            if not Spent.spend(f"\0{_CONSENT}\0{key}", over):  # no client's id begins so
                return _answered(request, given)
            return _decided(request, given, session)
    except LoginRequired:  # the client is gone at this moment
        return answers.see_other(_led_to(request, given))
    except Unreadable:
        return _page(request, NoWayBack("This is no question of ours, or one that is over."))
    except (InvalidRequest, TooManyRequests) as error:
        return _page(request, error)


def _decided(request: HttpRequest, given: Parameters, session: Session) -> HttpResponse:
    """Return where the answer leads. Raises `InvalidRequest` where there is no way back."""
    whole = pushed.resolve(given)
    way = answer.find(whole)
    try:
        _hold(session)
        case = Case(given, whole, way, asked.read(way.client, whole, way.redirect_uri))
        if request.POST.get("decision") != "allow":
            return _deny(request, case, session)
        _same_person(case.asked, request)
        given_now = case.asked.scopes, case.asked.resource
        with access.still_there():
            consents.remember(incoming.person_id(request), way.client, *given_now)
        return _answer(request, case, session)
    except ProtocolError as error:
        return way.failure(request, error)


def _shown(request: HttpRequest) -> tuple[str, int]:
    """Return the address of the request that was shown, and to whom; nothing for all else."""
    try:
        sealed = request.POST.get("request", "")
        _key, came, resource, _at, _uid, person = unseal(sealed, _CONSENT)
    except Unreadable:
        return "", 0
    given = Parameters(came)
    given.resource = tuple(resource)
    path = _path(given)
    return (path, person) if len(path) <= _LONGEST_ADDRESS else ("", 0)


def _asked_anew(request: HttpRequest) -> str:
    """Return the request that was shown to this person, which asks anew; nothing for all else."""
    path, person = _shown(request)
    return path if person == incoming.person_id(request) else ""


# For portal/door/late_forms.py: where it leads its person, and what anybody may open by a click.
decide.asks_anew = _asked_anew  # type: ignore[attr-defined]
decide.begins_anew = lambda request: _shown(request)[0]  # type: ignore[attr-defined]


def _go_on(request: HttpRequest, case: Case) -> HttpResponse:
    session = incoming.session_of(request)
    if session.is_logged_in and session.status != User.Status.ACTIVE:
        raise AccessDenied("An administrator must give access first.")
    wished = _with_hint(case.asked)
    person_id = incoming.person_id(request) if session.is_logged_in else 0
    first_party = case.way.client.skip_authorization
    known = consents.granted(person_id, case.way.client) if person_id and not first_party else None
    step = steps.next_step(
        wished,
        session,
        _subject(request) if wished.subject and person_id else "",
        level=strength.of(session),
        granted=known,
        first_party=first_party,
        unproved=consents.is_unproved(case.way.client, case.way.redirect_uri),
        asked_again_at=_asked_again_at(case),
        now=timezone.now(),
    )
    match step:
        case Step.SIGN_IN:
            back = _return_path(request, case, again=case.asked.wishes_proof)
            path = routes.sign_in_path(back, _wishes(case.asked))
            return _in_language(answers.see_other(path), case.asked)
        case Step.SIGN_IN_AGAIN:
            back = _return_path(request, case, again=True)
            told = _wishes(case.asked)
            if catalogue.find(session.source):  # `again` asks for the strictest age itself
                along = {**told, "max_age": "", "again": "1"}
                path = routes.login_path(session.source, next=back, **along)
            else:  # disabled since: by another one, if there is any
                path = routes.choose_url(back, **told)
            return _in_language(answers.see_other(path), case.asked)
        case Step.ASK:
            return _ask(request, case, session)
    return _answer(request, case, session)


def _answer(request: HttpRequest, case: Case, session: Session) -> HttpResponse:
    """Return the answer with a code. A pushed request is spent with it. Where the person has just
    withdrawn what they had allowed, the request is made anew.
    """
    person_id = incoming.person_id(request)
    with access.still_there(), transaction.atomic():
        _hold(session)  # what is withdrawn now is waited for
        allowed = consents.covers(person_id, case.way.client, case.asked.wanted)
        if allowed and not pushed.spend(case.came):
            raise InvalidRequest("The pushed request was used before.")
        code = codes.issue(case.asked, case.way.client, session, person_id) if allowed else ""
    if not code:
        return answers.see_other(_return_path(request, case))
    return case.way.success(request, code)


def _hold(session: Session) -> None:
    if not hold(session.uid):
        raise LoginRequired("The session has just ended.")


def _deny(request: HttpRequest, case: Case, session: Session) -> HttpResponse:
    said = events.event(
        "consent.denied",
        incoming.visit(request),
        source=session.source,
        session_type=session.type,
        user_id=incoming.person_id(request),
        session_uid=session.uid,
        detail=case.way.client.client_id,
    )
    with events.recorded(said):
        pushed.spend(case.came)
    return case.way.failure(request, AccessDenied("The person said no."))


def _ask(request: HttpRequest, case: Case, session: Session) -> HttpResponse:
    """Return the page that asks, in the language that the client suggests."""
    came = {name: value for name, value in case.came.items() if name != _MARK}
    at = timezone.now().timestamp()
    of = session.uid, incoming.person_id(request)
    content = [secrets.token_hex(16), came, list(case.came.resource), at, *of]
    context = {
        "client": case.way.client.name or case.way.client.client_id,
        "words": consents.in_words(case.asked.scopes, case.asked.resource),
        "first_party": case.way.client.skip_authorization,
        "request_sealed": seal(content, _CONSENT),
        "place": _place_of(case.way.redirect_uri),
        "unproved": consents.is_unproved(case.way.client, case.way.redirect_uri),
        "again": _return_path(request, case),
    }
    language = _language(case.asked)
    with translation.override(language or translation.get_language()):
        return answers.page(request, "oauth/consent.html", context)


def _answered(request: HttpRequest, given: Parameters) -> HttpResponse:
    """Return the page for who has answered already. Its link asks anew, as the application did;
    what was pushed is over (RFC 9126, 2.2).
    """
    again = "" if "request_uri" in given else _path(given)
    return answers.page(request, "oauth/answered.html", {"again": again}, 409)


def _page(request: HttpRequest, error: ProtocolError) -> HttpResponse:
    """Return the page for a request that has no way back: nothing is sent anywhere."""
    if isinstance(error, TooManyRequests):
        return answers.refuse(request, error)
    if "text/html" not in request.headers.get("Accept", "text/html"):
        return wire.refused(error)
    client_id = request.POST.get("client_id") or request.GET.get("client_id", "")
    return answer.refused(request, error, client_id)


def _led_to(request: HttpRequest, came: Parameters) -> str:
    """Return where a request goes on by GET (OIDC Core, 3.1.2.1). One that is too long for an
    address is kept here meanwhile. Raises as `answer.find` and `pushed.keep` do.
    """
    path = _path(came)
    if len(path) <= _LONGEST_ADDRESS:
        return path
    return _kept(request, answer.find(came).client, came)


def _kept(request: HttpRequest, client: Client, given: Parameters, **more: str) -> str:
    """Keep a request. Returns the address that stands for it. Raises as `pushed.keep` does."""
    uri = pushed.keep(client, given, conf.flow_lifetime(), incoming.visit(request))
    short = Parameters({"client_id": client.client_id, "request_uri": uri})
    return _path(short, **more)


def _path(came: Parameters, **more: str) -> str:
    pairs = [*came.items(), *(("resource", each) for each in came.resource), *more.items()]
    return f"{PATH}?{urlencode(pairs)}"


def _return_path(request: HttpRequest, case: Case, *, again: bool = False) -> str:
    """Return where the request goes on after a sign-in. A long one is kept here meanwhile."""
    plain = Parameters({name: value for name, value in case.came.items() if name != _MARK})
    plain.resource = case.came.resource
    more = {}
    if again:
        at = steps.asked_at(incoming.session_of(request), timezone.now()).isoformat()
        more = {_MARK: seal(at, _AGAIN, _digest_of(case.given))}
    path = _path(plain, **more)
    if len(path) <= LONGEST:
        return path
    return _kept(request, case.way.client, case.given, **more)


def _asked_again_at(case: Case) -> datetime | None:
    """Return when this very request sent its person to sign in again, or None."""
    try:
        sealed = case.came.get(_MARK, "")
        return datetime.fromisoformat(unseal(sealed, _AGAIN, _digest_of(case.given)))
    except (Unreadable, TypeError, ValueError):
        return None


def _digest_of(given: Parameters) -> str:
    named = sorted((name, value) for name, value in given.items() if name != _MARK)
    return digest(repr([named, given.resource]))


def _with_hint(wished: Asked) -> Asked:
    """Return the request, whose `id_token_hint` says of whom it speaks (OIDC Core, 3.1.2.1)."""
    if not wished.id_token_hint:
        return wished
    try:
        subject = str(keys.claims_of(wished.id_token_hint)["sub"])
    except keys.NotOurs:
        raise InvalidRequest("The id_token_hint was not issued here.") from None
    if wished.subject not in {"", subject}:
        raise LoginRequired("The request speaks of two people.")
    return replace(wished, subject=subject)


def _same_person(wished: Asked, request: HttpRequest) -> None:
    subject = _with_hint(wished).subject
    if subject and subject != _subject(request):
        raise LoginRequired("Somebody else is signed in.")


def _subject(request: HttpRequest) -> str:
    return getattr(request.user, "uid", "")  # who is gone since has none


def _wishes(wished: Asked) -> dict[str, str]:
    """Return what the source is told of the request. `prompt=login` is said as an age of nothing,
    which a provider must prove by `auth_time` (OIDC Core, 3.1.2.1).
    """
    age = 0 if "login" in wished.prompts else wished.max_age
    found = {
        "login_hint": wished.login_hint,
        "acr_values": " ".join(sorted(wished.acr)) or wished.acr_values,
        "max_age": "" if age is None else str(age),
        "ui_locales": " ".join(wished.ui_locales),
    }
    return wishes.fitting(found)


def _place_of(uri: str) -> str:
    """Return where an answer goes, as a person reads it."""
    scheme, _, rest = uri.partition("://")
    if scheme in {"https", "http"}:
        return rest.split("/", 1)[0]
    scheme = uri.partition(":")[0]
    return scheme if "." in scheme else uri  # `oc` says nothing: with the name behind it


def _language(wished: Asked) -> str:
    """Return the first language that we speak of those that the client suggests, or nothing."""
    known = portal_conf.languages()
    wanted = (each.lower().split("-")[0] for each in wished.ui_locales)
    return next((each for each in wanted if each in known), "")


def _in_language(response: HttpResponse, wished: Asked) -> HttpResponse:
    """Let the pages that follow speak the language that the client suggests."""
    if language := _language(wished):
        cookies.speak(response, language)
    return response
