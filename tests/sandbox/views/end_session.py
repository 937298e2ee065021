"""The end session endpoint (OIDC RP-Initiated Logout 1.0)."""

from __future__ import annotations

from typing import Any

from django.core import signing
from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from tests.sandbox import backchannel, keys, sessions
from tests.sandbox.answers import SeeOther, with_query
from tests.sandbox.realms import Realm

SALT = "tests.sandbox.end_session"


@csrf_exempt  # clients may post here (section 2); without a fitting hint the person is asked
@never_cache
@require_http_methods(["GET", "POST"])
def end_session(request: HttpRequest, realm: Realm) -> HttpResponseBase:
    """End the session that the hint names, else ask; then send the person back."""
    given = request.POST if request.method == "POST" else request.GET
    hint = keys.read_hint(given.get("id_token_hint", ""), realm.issuer)
    back = _way_back(realm, given, hint)
    session = sessions.of(request, realm)
    hinted = str((hint or {}).get("sid", ""))
    if session is not None and session.sid != hinted:
        context = {
            "realm": realm,
            "person": realm.persona(session.subject),
            "back": signing.dumps(back, salt=SALT),
        }
        return render(request, "sandbox/end_session.html", context)
    return _ended(request, realm, hinted, back)


@never_cache
@require_POST
def confirm(request: HttpRequest, realm: Realm) -> HttpResponseBase:
    """End the session of the browser, because its person said so."""
    try:
        back = str(signing.loads(request.POST.get("back", ""), salt=SALT, max_age=600))
    except signing.BadSignature:
        back = ""
    session = sessions.of(request, realm)
    return _ended(request, realm, session.sid if session else "", back)


def _ended(request: HttpRequest, realm: Realm, sid: str, back: str) -> HttpResponseBase:
    if sid:
        backchannel.end_session(realm, sid)
    response = SeeOther(back) if back else render(request, "sandbox/ended.html")
    sessions.forget(response, realm)
    return response


def _way_back(realm: Realm, given: QueryDict, hint: dict[str, Any] | None) -> str:
    """Return where the person goes afterwards: a registered address with `state`, or nowhere.

    The client is the hint's, else `client_id`; when both are there they must agree (section 2).
    """
    named = given.get("client_id", "")
    client = realm.client(str(hint["aud"]) if hint else named)
    uri = given.get("post_logout_redirect_uri", "")
    if client is None or uri not in client.post_logout_redirect_uris:
        return ""
    if named and named != client.client_id:
        return ""
    state = given.get("state", "")
    return with_query(uri, {"state": state} if state else {})
