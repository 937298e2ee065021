"""The authorization response: back to the client, only where it is registered to be.

RFC 6749, 4.1.2; RFC 9207, 2; Form Post Response Mode 1.0, 2.
"""

from dataclasses import dataclass, field
from urllib.parse import unquote_plus, urlencode

from django.http import HttpRequest, HttpResponse

from accounts import conf
from accounts.errors import ProtocolError
from portal.authorization_server import clients, registration
from portal.authorization_server.errors import NoWayBack
from portal.authorization_server.models import Client
from portal.authorization_server.wire import Parameters
from portal.door import answers
from portal.door.refused import record as record_refusal

UNKNOWN = "The application is not known here."
_OURS = frozenset({"code", "state", "iss", "error", "error_description"})


@dataclass(frozen=True, slots=True)
class WayBack:
    """Where the answer to one authorization request goes, and how."""

    client: Client
    redirect_uri: str
    state: str = field(default="", repr=False)
    by_form: bool = False

    def success(self, request: HttpRequest, code: str) -> HttpResponse:
        """Return the answer with a code."""
        return self._answer(request, {"code": code})

    def failure(self, request: HttpRequest, error: ProtocolError) -> HttpResponse:
        """Return the answer that says why there is none."""
        said = {"error": error.error}
        if error.description:
            said["error_description"] = error.description
        return self._answer(request, said)

    def _answer(self, request: HttpRequest, said: dict[str, str]) -> HttpResponse:
        fields = {**said, **({"state": self.state} if self.state else {}), "iss": conf.site_url()}
        if self.by_form:
            return _form(request, self.redirect_uri, fields)
        status = 303 if request.method == "POST" else 302
        # Not Django's redirect, which refuses the schemes of installed applications.
        response = HttpResponse(status=status)
        response["Location"] = _with(self.redirect_uri, fields)
        response["Cache-Control"] = "no-store"
        return response


def refused(request: HttpRequest, error: ProtocolError, client_id: str = "") -> HttpResponse:
    """Return the page for what has no way back: nothing is sent anywhere. The desk finds why by its
    support code, and by the name `client_id`, if a client has it.
    """
    named = f"{client_id}: " if clients.find(client_id) else ""
    code = record_refusal(request, 400, "bad-request", f"{named}{error.description}")
    context = {"sentence": error.description, "code": code}
    return answers.page(request, "oauth/refused.html", context, 400)


def find(given: Parameters, client: Client | None = None) -> WayBack:
    """Return the way back to the client that `given` names, or to `client`, which is proved.

    Raises `NoWayBack` for an unknown client, or an address that is not registered: then nothing
    may be sent there (RFC 6749, 4.1.2.1).
    """
    known = client or clients.find(given.get("client_id", ""))
    if known is None:
        raise NoWayBack(UNKNOWN)
    registered = known.redirect_uris.split()
    redirect_uri = given.get("redirect_uri") or (registered[0] if len(registered) == 1 else "")
    if not redirect_uri or not registration.allows_redirect(known, redirect_uri):
        raise NoWayBack("The application gave an address that is not registered.")
    by_form = given.get("response_mode") == "form_post"
    return WayBack(known, redirect_uri, given.get("state", ""), by_form)


def _with(url: str, fields: dict[str, str]) -> str:
    """Return `url` with `fields` behind its query, which is kept letter by letter (RFC 6749, 3.1.2)
    but for what is named as ours.
    """
    base, _, query = url.partition("?")
    own = [each for each in query.split("&") if each and not _is_ours(each)]
    return f"{base}?{'&'.join([*own, urlencode(fields)])}"


def _is_ours(pair: str) -> bool:
    return unquote_plus(pair.partition("=")[0]) in _OURS


def _form(request: HttpRequest, url: str, fields: dict[str, str]) -> HttpResponse:
    """Return a page whose form goes to the client. Nothing in it was written by anybody but us, and
    the client may redirect on to where we cannot know, so its form may go anywhere.
    """
    context = {"url": url, "fields": fields.items()}
    response = answers.page(request, "oauth/form_post.html", context)
    response._csp_update = {"form-action": ["*"]}  # type: ignore[attr-defined]
    return response
