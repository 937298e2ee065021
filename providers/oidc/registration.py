"""Our registration at the provider, put to the test with a request that nobody's login needs.

A code that was made up must be refused as `invalid_grant`, which a token endpoint says only to a
client that it knows (RFC 6749, 5.2). A request with `prompt=none` must be answered at our redirect
URI, unless that is not registered (OIDC Core, 3.1.2.6; RFC 6749, 4.1.2.1).
"""

import re
import secrets
from collections.abc import Collection, Iterator
from urllib.parse import parse_qs

from django.utils.translation import gettext as _

from accounts.errors import TemporarilyUnavailable
from accounts.http import Answer
from accounts.login.flow import new_flow
from accounts.provider import Finding, LoginFlow, SourceRef, verdict
from accounts.upstream.last_good import CALL_SECONDS
from accounts.upstream.urls import with_query
from providers.oidc import authorization
from providers.oidc.client import OidcClient
from providers.oidc.discovery import Metadata

_REDIRECTS = {301, 302, 303, 307, 308}
# What says nothing of us: they are busy, or unwell.
_LATER = {429, 502, 503, 504}
_NAME = re.compile(r"[a-z_]{1,60}")
# How a provider answers `prompt=none` when all is well but nobody is signed in there.
_WELL = {
    *("login_required", "interaction_required", "consent_required", "account_selection_required"),
    *("access_denied", "unmet_authentication_requirements", "server_error"),
    *("temporarily_unavailable", ""),
}


def named(known: Collection[str], *settings: str) -> str:
    """Return those of `settings` that the source's provider has, as a list to read."""
    return ", ".join(each for each in settings if each in known)


def findings(
    source: SourceRef, client: OidcClient, metadata: Metadata, known: Collection[str]
) -> Iterator[Finding]:
    """Yield what the provider thinks of our redirect URI and of our client."""
    flow = new_flow(source.slug, source.redirect_uri, "", client.clock())
    yield _redirect_uri(client, metadata, flow, known)
    yield _client(client, flow, known)


def _redirect_uri(
    client: OidcClient, metadata: Metadata, flow: LoginFlow, known: Collection[str]
) -> Finding:
    asked = {**authorization.request(client.settings, flow), "prompt": "none"}
    asked.pop("response_mode", None)  # else the answer may be a form
    url = with_query(metadata.endpoint("authorization_endpoint"), asked)
    try:
        answer = client.http.get(url, deadline=CALL_SECONDS)
    except TemporarilyUnavailable as failed:
        said = _("Whether the redirect URI is registered cannot be seen from here: %s")
        return Finding(True, said % failed.description)
    if answer.status in _LATER:
        said = _("The provider is too busy to say whether the redirect URI is registered.")
        return Finding(True, said)
    place = answer.headers.get("Location", "") if answer.status in _REDIRECTS else ""
    if place.partition("?")[0] != flow.redirect_uri:
        return Finding(
            False,
            _("The provider sends nobody back to the redirect URI: it answers %d.") % answer.status,
            _("Register exactly %(uri)s there, and compare %(names)s with the registration.")
            % {"uri": flow.redirect_uri, "names": named(known, "client_id")},
        )
    error = parse_qs(place.partition("?")[2]).get("error", [""])[0]
    return verdict(
        error in _WELL,
        _("The redirect URI is registered."),
        _("The provider refuses the request for a login: %s") % _shown(error),
        _("Compare %s with the registration.") % named(known, "client_id", "scope", "authorize"),
    )


def _client(client: OidcClient, flow: LoginFlow, known: Collection[str]) -> Finding:
    form = authorization.token_request(flow, secrets.token_urlsafe(24))
    fix = _("Compare %s with the registration.")
    fix %= named(known, "client_id", "client_secret", "client_auth")
    try:
        answer = client.post_as_client("token_endpoint", form)
    except TemporarilyUnavailable as failed:
        return Finding(False, _("The token endpoint cannot be asked: %s") % failed.description, fix)
    error = authorization.error_of(answer)
    if error == "invalid_grant" and answer.status != 401:
        return Finding(True, _("The token endpoint knows our client."))
    return Finding(False, _answered(answer, error), fix)


def _answered(answer: Answer, error: object) -> str:
    if answer.ok and not error:
        return _("The token endpoint accepts a code that was made up.")
    if answer.status == 401 or error in {"invalid_client", "unauthorized_client"}:
        return _("The token endpoint refuses our client: %s") % _shown(error or answer.status)
    said = _("To a code that was made up the token endpoint answers %s, and not invalid_grant.")
    return said % _shown(error or answer.status)


def _shown(error: object) -> str:
    """Return the name of an error, unless somebody has written a text in its place."""
    return str(error) if isinstance(error, int) or _NAME.fullmatch(str(error)) else "?"
