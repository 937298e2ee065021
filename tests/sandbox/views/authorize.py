"""The authorization endpoint: who the person wants to be, asked once and then remembered."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from django.core import signing
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from accounts.errors import AccessDenied, InvalidRequest, LoginRequired, ProtocolError
from tests.sandbox import answers, authorization_request, faults, grants, sessions
from tests.sandbox.authorization_request import AuthorizationRequest, Recipient
from tests.sandbox.realms import Realm
from tests.sandbox.sessions import Session

SALT = "tests.sandbox.authorize"
ANSWER_WITHIN_SECONDS = 600


@csrf_exempt  # OIDC Core, 3.1.2.1: clients may post here; it changes nothing by itself
@never_cache
@require_http_methods(["GET", "POST"])
def authorize(request: HttpRequest, realm: Realm) -> HttpResponseBase:
    """Answer at once where the person is known here, else ask."""
    given = request.POST if request.method == "POST" else request.GET
    try:
        to = authorization_request.recipient(realm, given)
    except InvalidRequest as error:
        return _page_of(request, error)
    try:
        asked = authorization_request.read(to, given)
        session = _usable_session(request, realm, asked)
    except ProtocolError as error:
        return answers.refuse(request, realm, to, error)
    if session is not None:
        return _allow(request, realm, session, asked)
    sealed = signing.dumps(asdict(asked), salt=SALT, compress=True)
    context = {"realm": realm, "sealed": sealed, "site": asked.redirect_uri}
    return render(request, "sandbox/personas.html", context)


@never_cache
@require_POST
def choose(request: HttpRequest, realm: Realm) -> HttpResponseBase:
    """Begin a session for the chosen persona, or tell the client that there was none."""
    try:
        asked = _opened(request.POST.get("request", ""))
    except InvalidRequest as error:
        return _page_of(request, error)
    persona = realm.persona(request.POST.get("persona", ""))
    if persona is None:
        cancelled = AccessDenied("The person did not want to sign in.")
        return answers.refuse(request, realm, asked.recipient, cancelled)
    value, session = sessions.begin(request, realm, persona)
    response = _allow(request, realm, session, asked)
    sessions.remember(response, realm, value)
    return response


def _usable_session(
    request: HttpRequest, realm: Realm, asked: AuthorizationRequest
) -> Session | None:
    """Return the session that answers without a question (OIDC Core, 3.1.2.3), if there is one.

    Raises `AccessDenied` when the provider refuses everybody, `LoginRequired` for `prompt=none`.
    """
    if faults.switch.is_on(faults.REFUSES):
        raise AccessDenied("The provider refuses at the moment.")
    session = sessions.of(request, realm)
    if session is not None and asked.max_age is not None:
        session = session if time.time() - session.auth_time <= asked.max_age else None
    if session is None and "none" in asked.prompt:
        raise LoginRequired("Nobody is signed in.")
    return None if {"login", "select_account"} & set(asked.prompt) else session


def _allow(
    request: HttpRequest, realm: Realm, session: Session, asked: AuthorizationRequest
) -> HttpResponseBase:
    code = grants.issue_code(session, asked)
    return answers.respond(request, realm, asked.recipient, {"code": code})


def _opened(sealed: str) -> AuthorizationRequest:
    try:
        kept: dict[str, Any] = signing.loads(sealed, salt=SALT, max_age=ANSWER_WITHIN_SECONDS)
    except signing.BadSignature:
        raise InvalidRequest("The request is not ours, or too old.") from None
    kept["recipient"] = Recipient(**kept["recipient"])
    kept["prompt"] = tuple(kept["prompt"])
    return AuthorizationRequest(**kept)


def _page_of(request: HttpRequest, error: ProtocolError) -> HttpResponseBase:
    return render(request, "sandbox/problem.html", {"error": error}, status=error.status)
