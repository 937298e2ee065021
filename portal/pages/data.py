"""The account page of one's own data: what is stored, the same as a file, and its deletion."""

from datetime import datetime
from typing import Any, cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from accounts import conf
from accounts.models import Source, StoredSession, User
from accounts.session import administrators, dossier, erasure
from accounts.session.dossier import Held
from accounts.source import catalogue
from accounts.strength import Strength
from portal.door import answers, event_words, incoming, leaving, proving, ways_in
from portal.door.user_agents import device_name

_PATH = "/account/data"
# The page shows the latest of them; the file has all.
_MOST_SHOWN = 20
_CHOICES = {"status": User.Status, "kind": StoredSession.Kind}
_MEANS = ("acr", "amr")
# Written for the log, whatever the language of the page.
_IN_ENGLISH = "detail"
_WORDS = {
    "user_agent": device_name, "event": event_words.of_event, "reason": event_words.of_reason
}  # fmt: skip


@require_safe
def data(request: HttpRequest) -> HttpResponse:
    """Show what is stored of the person: each value, from whom, since when, until when."""
    person = cast(User, request.user)
    by_topic: dict[str, list[Held]] = {}
    for held in dossier.of(person):  # rooms add to the topics of others
        by_topic.setdefault(held.topic, []).append(held)
    context = {
        "topics": [_topic(name, each) for name, each in by_topic.items()],
        "may_erase": erasure.is_allowed(person),
        "is_staff": erasure.opens_administration(person),
        "erased_at": dossier.erased_at(person),
        "here": "data",
    }
    return answers.page(request, "account/data.html", context)


@require_safe
def export(request: HttpRequest) -> HttpResponse:
    """Return the same as a JSON file."""
    held = dossier.of(cast(User, request.user))
    body = {
        "site": conf.site_url(),
        "exported": timezone.now().isoformat(timespec="seconds"),
        "data": [claim for each in held for claim in each.claims()],
    }
    headers = {
        "Cache-Control": "no-store",
        "Content-Disposition": 'attachment; filename="account.json"',
    }
    return JsonResponse(body, headers=headers, json_dumps_params={"indent": 2})


@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest) -> HttpResponse:
    """Ask, and delete the account, soon after a sign-in, which took the second factor of who has
    one, and where the person's sources allow it.
    """
    person = cast(User, request.user)
    if not erasure.is_allowed(person):
        raise Http404
    proof = ways_in.proof_of(person)
    again = proving.prove_again(request, f"{_PATH}/delete", proof)
    if again:
        return again
    if request.method == "GET":
        source = catalogue.of_session(incoming.session_of(request).source)
        elsewhere = source.label if source and source.slug != Source.LOCAL else ""
        context = {"person": person, "label": elsewhere, "here": "data"}
        return answers.page(request, "account/delete.html", context)
    person = User.objects.get(pk=person.pk)  # not as confined to this session's rights
    response = leaving.leave(request)  # while the upstream's tokens are there
    try:
        erasure.erase(person, "by the person")
    except administrators.LastAdministratorError:
        raise Http404 from None
    messages.success(request, _("Your account is deleted."))
    return response


def _topic(name: str, held: list[Held]) -> dict[str, Any]:
    shown = held[:_MOST_SHOWN] if name == dossier.EVENT else held
    left = len(held) - len(shown)
    return {
        "title": _titles().get(name, name),
        "folded": len(shown) > 1,
        "parts": [_part(each) for each in shown],
        "more": ngettext("%d more stands in the file.", "%d more stand in the file.", left) % left
        if left
        else "",
    }


def _part(held: Held) -> dict[str, Any]:
    names = _names()
    return {
        "summary": _summary(held),
        "source": _labels(held),
        "since": held.since,
        "until": held.until,
        "values": [
            (names.get(name, name), _shown(name, value), name == _IN_ENGLISH)
            for name, value in held.values.items()
        ],
    }


def _labels(held: Held) -> str:
    return ", ".join(catalogue.label_of(each) for each in held.source.split(", ") if each)


def _summary(held: Held) -> str:
    """Return what tells a part from others of its topic."""
    telling = ("event", "label", "application", "user_agent", "passkey")
    found = next((name for name in telling if name in held.values), "")
    if found:
        return str(_shown(found, held.values[found]))
    first = next(iter(held.values), "")
    return _labels(held) or _names().get(first, first)


def _shown(name: str, value: Any) -> Any:
    """Return a value as people read it; the file has it as it is stored."""
    if name in _MEANS:
        return _means(value)
    if isinstance(value, str) and name in _WORDS:  # a source may call a claim of any kind so
        return _WORDS[name](value)
    if isinstance(value, str) and name in _CHOICES:
        return dict(_CHOICES[name].choices).get(value, value)
    if value == dossier.SEALED:
        return _("stored sealed, shown to nobody")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list | tuple):
        return ", ".join(str(each) for each in value)
    return (_moment(value) if isinstance(value, str) and "T" in value else None) or value


def _moment(text: str) -> datetime | None:
    """Return the moment that a text says, in the site's time; None for one that no calendar has."""
    try:
        found = parse_datetime(text)
        if found is None:
            return None
        return timezone.localtime(found) if timezone.is_aware(found) else timezone.make_aware(found)
    except (OverflowError, ValueError):
        return None


def _means(value: Any) -> str:
    """Return how strong a sign-in was, or its means (RFC 8176, 2): in words, where there are."""
    words = {
        Strength.LOW.word: _("low"),
        Strength.SUBSTANTIAL.word: _("substantial"),
        Strength.HIGH.word: _("high"),
        "pwd": _("password"),
        "otp": _("one-time code"),
        "mfa": _("several means"),
        "hwk": _("security key"),
        "swk": _("key in a device"),
        "user": _("confirmed by you"),
        "pin": _("PIN"),
        "sms": _("text message"),
        "fpt": _("fingerprint"),
        "face": _("face"),
    }
    each = value if isinstance(value, list | tuple) else [value]
    return ", ".join(words.get(str(word), str(word)) for word in each)


def _titles() -> dict[str, str]:
    return {
        dossier.PERSON: _("You"),
        dossier.SIGN_IN: _("Your ways to sign in"),
        dossier.SESSION: _("Where you are signed in"),
        dossier.DEVICE: _("Browsers that you trust"),
        dossier.APPLICATION: _("Applications"),
        dossier.EVENT: _("What happened lately"),
    }


def _names() -> dict[str, str]:
    """Return what people call the values that every site has; claims keep their own name."""
    return {
        "id": _("Your number here"),
        "username": _("Username"),
        "name": _("Name"),
        "email": _("E-mail"),
        "email_verified": _("E-mail verified"),
        "password": _("Password"),
        "status": _("Status"),
        "groups": _("Groups"),
        "last_sign_in": _("Last sign-in"),
        "sub": _("Your number there"),
        "iss": _("Issuer"),
        "passkey": _("Passkey"),
        "credential_id": _("Number of the passkey"),
        "transports": _("How it is reached"),
        "aaguid": _("Model of the device"),
        "backed_up": _("Shared between devices"),
        "sign_count": _("Counter"),
        "last_used": _("Last used"),
        "blocked_since": _("Blocked since"),
        "kind": _("Kind"),
        "label": _("Application"),
        "sid": _("Session there"),
        "acr": _("How firmly you proved who you are"),
        "amr": _("By which means"),
        "address": _("Address"),
        "user_agent": _("Browser"),
        "last_seen": _("Last seen"),
        "tokens": _("Tokens of the source"),
        "cookie": _("Mark in the browser"),
        "shared": _("Shared computer"),
        "authenticator": _("Authenticator"),
        "recovery_codes": _("Recovery codes left"),
        "second_factor_due": _("Second step needed from"),
        "application": _("Application"),
        "scope": _("Allowed"),
        "only_at": _("Only at this address"),
        "read_only": _("Reads only"),
        "event": _("Event"),
        "reason": _("Reason"),
        "detail": _("Detail"),
        "support_code": _("Support code"),
    }
