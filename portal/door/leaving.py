"""The way out: the chart walked, the cookie taken back, the receipt written."""

from typing import Any

from django.contrib import auth
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from accounts import serialization
from accounts.logout import chart
from accounts.provider import TokenSet
from accounts.session.store import SessionStore
from accounts.session.typed import Session
from accounts.source import catalogue
from portal import conf
from portal.door import answers, cookies, incoming, routes, shared
from portal.door.destinations import safe_destination

_LEFT_SECONDS = 60
_RECEIPT_SECONDS = 120
_AGAIN_SECONDS = 600
_WHY_SECONDS = 600
# What became of a session upstream whose person may still be signed in there.
_STAYS = frozenset({chart.PENDING, chart.UNANSWERED})
# In the receipt of a session that was over already: nobody knows any more by which source it came.
_OVER = "over"


def leave(request: HttpRequest, return_to: str = "") -> HttpResponse:
    """Walk the chart, and land on the front page with a receipt, or at `return_to`; at a shared
    computer on a page that knows nothing of who has left, and the browser forgets the site.

    `return_to` was checked by the caller. It is kept in a cookie while an upstream is visited.
    """
    session = incoming.session_of(request)
    if session.shared:
        shared.mark(request)
        return_to = return_to or routes.ENDED
    source = catalogue.of_session(session.source) if session.is_logged_in else None
    permitted = incoming.cookies_for(request, source.description) if source else {}
    departure = chart.leave(session, incoming.visit(request), permitted, routes.logout_done_url())
    forget_session(request)  # ended above, exactly once
    if not session.exists:
        return _was_over(request, return_to)
    code = departure.support_code
    if departure.visit and not code:  # another tab has ended it, and visits the upstream
        return answers.see_other(return_to or "/")
    response = _send_off(session.source, session.issuer, departure, code, return_to)
    if session.shared:
        if departure.upstream not in {*_STAYS, chart.VISIT}:
            cookies.forget(response, cookies.RECEIPT)
        shared.sweep(request, response, keep=frozenset({conf.language_cookie()}))
    return response


def leave_at_least_here(request: HttpRequest, return_to: str = "") -> HttpResponse:
    """Do as `leave` does; the page of a database that fails meanwhile lets the browser go."""
    try:
        return leave(request, return_to)
    except DatabaseError:
        request.lets_go = True  # type: ignore[attr-defined]  # read by portal/pages/error_pages.py
        raise


def _was_over(request: HttpRequest, return_to: str) -> HttpResponse:
    """Return where a person without a session goes on to. A browser that still holds the cookie of
    one may have left a moment ago, and lost the answer: its receipt says only what is certain.
    """
    held = bool(request.COOKIES.get(conf.session_cookie()))
    sweeps = held and not return_to and shared.is_marked(request)
    response = answers.see_other(return_to or (routes.ENDED if sweeps else "/"))
    if held:
        _note_left(response)
    if sweeps:
        shared.mark(request)
        shared.sweep(request, response, keep=frozenset({conf.language_cookie()}))
    elif held:
        receipt = {"label": "", "upstream": _OVER, "code": "", "next": ""}
        cookies.remember(response, cookies.RECEIPT, receipt, _RECEIPT_SECONDS)
    return response


def _note_left(response: HttpResponseBase) -> None:
    """Keep a shared session of an upstream's from signing anybody in again for a minute."""
    slack = cookies.NEXT_STEP
    cookies.remember(response, cookies.LEFT, True, _LEFT_SECONDS, slack=slack)


def open_receipt(request: HttpRequest) -> Any:
    """Return the receipt of who has left and may still be signed in upstream; else None."""
    receipt = cookies.recall(request, cookies.RECEIPT)
    is_open = isinstance(receipt, dict) and receipt.get("upstream") in _STAYS
    return receipt if is_open else None


def leave_again(request: HttpRequest) -> HttpResponse:
    """Try once more to leave the upstream that did not answer when this browser's person left."""
    kept = cookies.recall(request, cookies.AGAIN)
    if not isinstance(kept, dict) or incoming.session_of(request).is_logged_in:
        return answers.see_other("/")
    source = catalogue.of_session(kept["source"])
    if shared.is_marked(request):
        shared.mark(request)
    hint = serialization.load(TokenSet, kept["hint"])
    permitted = incoming.cookies_for(request, source.description) if source else {}
    issuer = kept.get("issuer", "")  # the release before did not say
    departure = chart.try_again(kept["source"], issuer, hint, permitted, routes.logout_done_url())
    return _send_off(kept["source"], issuer, departure, kept["code"], kept["next"])


def _send_off(
    slug: str,
    issuer: str,
    departure: chart.Departure,
    code: str,
    return_to: str,
) -> HttpResponse:
    """Return the way out, with the receipt. Who may still be signed in upstream reads it first."""
    stays = departure.upstream in _STAYS
    lands = return_to if return_to == routes.ENDED or not stays else ""
    response = answers.see_other(departure.visit or lands or "/")
    receipt = {"label": catalogue.label_of(slug), "upstream": departure.upstream, "code": code}
    receipt["next"] = return_to if stays and return_to != routes.ENDED else ""
    cookies.remember(response, cookies.RECEIPT, receipt, _RECEIPT_SECONDS)
    _note_left(response)
    if departure.visit and return_to:
        cookies.remember(response, cookies.RETURN, return_to, _RECEIPT_SECONDS)
    elif stays:
        cookies.forget(response, cookies.RETURN)
    if departure.hint:
        again = {"source": slug, "issuer": issuer, "code": code, "next": return_to}
        _keep_hint(response, again, departure.hint)
    return response


def _keep_hint(response: HttpResponse, again: dict[str, str], hint: TokenSet) -> None:
    """Keep what another try needs, without an id_token that is too long for a cookie."""
    held = {**again, "hint": serialization.dump(hint)}
    if len(cookies.sealed(cookies.AGAIN, held, _AGAIN_SECONDS)) > cookies.LONGEST:
        held["hint"] = serialization.dump(TokenSet())
    cookies.remember(response, cookies.AGAIN, held, _AGAIN_SECONDS)


def leave_without_browser(
    request: HttpRequest, session: Session, response: HttpResponseBase
) -> chart.Departure:
    """End the caller's session, and what can be ended upstream by a call (docs/contract.md 2).

    Where the request's cookie holds the session, `response` takes the cookie back.
    """
    source = catalogue.of_session(session.source) if session.is_logged_in else None
    by_cookie = incoming.session_of(request).uid == session.uid
    permitted = incoming.cookies_for(request, source.description) if source and by_cookie else {}
    departure = chart.leave_by_api(
        session, incoming.visit(request), permitted, routes.logout_done_url()
    )
    if by_cookie:
        forget_session(request)
        _note_left(response)
        if session.shared:
            shared.mark(request)
            shared.sweep(request, response, keep=frozenset({conf.language_cookie()}))
    return departure


def forget_session(request: HttpRequest) -> None:
    """Let the browser go on as nobody: the session of the request has been ended."""
    request.session = SessionStore()
    auth.logout(request)


def let_go(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Take the session's cookie back with `response`, although the session could not be ended."""
    forget_session(request)
    _note_left(response)
    return response


def keep_word(request: HttpRequest, response: HttpResponseBase) -> None:
    """Keep in a cookie why the browser's session ended, for the person's next page: a script that
    asks first loses the session's cookie, and the reason with it.
    """
    why = incoming.cut_off(request)
    if why:
        cookies.remember(response, cookies.WHY, why, _WHY_SECONDS)


def drop_word(request: HttpRequest, response: HttpResponseBase) -> None:
    """Forget the word that the page has told."""
    if cookies.named(cookies.WHY) in request.COOKIES:
        cookies.forget(response, cookies.WHY)


def left_elsewhere(request: HttpRequest) -> HttpResponse:
    """End the session that is shared with an upstream which says that its person left there.

    The upstream stands on this site's own domain, so its word comes as a same-site navigation. Any
    other page that leads here ends nothing: a session that is still there is asked about. One whose
    cookie went at the upstream has ended already, by its revalidation.
    """
    sharing = [each for each in catalogue.enabled() if each.description.home]
    session = incoming.session_of(request)
    own = catalogue.of_session(session.source) if session.is_logged_in else None
    source = own if own and own.description.home else None
    told = incoming.leads_away_on_purpose(request)
    if source and not told:
        return answers.page(request, "logout/confirm.html", {"return_to": ""})
    if source:
        chart.left_upstream(session, incoming.visit(request))
        forget_session(request)
    home = source or (sharing[0] if len(sharing) == 1 else None)
    response = answers.see_other(home.description.home if home else "/")
    if told:
        _note_left(response)
    return response


def back_from_leaving(request: HttpRequest) -> str:
    """Return where somebody wanted to go who comes back from an upstream's logout, or nothing, and
    note that they are back.
    """
    receipt = cookies.recall(request, cookies.RECEIPT)
    if isinstance(receipt, dict) and receipt.get("upstream") == chart.VISIT:
        chart.returned(receipt["code"])
    return safe_destination(cookies.recall(request, cookies.RETURN), internal=True)
