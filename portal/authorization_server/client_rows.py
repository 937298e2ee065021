"""The one place that writes clients, and what an editor may not change: whoever decides where the
codes of a client go, and that people are not asked, can act as anybody (RFC 6749, 10.3; RFC 9700,
4.1).
"""

from collections.abc import Iterable, Iterator

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import events
from portal.authorization_server.models import AccessToken, Client, Consent
from portal.door.names import looks_like_one
from portal.tokens.revoked import GATEWAY

_LISTS = ("redirect_uris", "post_logout_redirect_uris", "allowed_origins", "allowed_scopes")
_SINGLE = ("name", "kind", "auth_method", "backchannel_logout_uri", "jwks", "jwks_uri")
_MARKS = ("skip_authorization", "legacy_desktop", "introspects")


def reaches_far(client: Client) -> bool:
    """Tell whether a client acts for people without their word, or has it already: it is first
    party, stays signed in unasked, sees the tokens of others, opens the applications behind the
    gateway, or somebody has allowed it.
    """
    marked = any(getattr(client, name) for name in _MARKS)
    if marked or GATEWAY in client.allowed_scopes.split():
        return True
    return Consent.objects.filter(client_id=client.pk).exists()


def refuse_reach(client: Client) -> None:
    """Raise `ValidationError`, by field, for what only somebody with all rights may change.

    That is to give or take a mark by which a client reaches far and, where it has one, to change
    where people are sent, how it proves itself, what it may ask for, or how people call it. Other
    stored values may stay or go. A mark stays: whoever took it could do the rest in a second step.
    So is to give a client a name that people would take for another's.
    """
    stored = Client.objects.filter(pk=client.pk).first()
    found = dict(_new_marks(client, stored or Client()))
    if stored and reaches_far(stored):
        said = _(
            "This client reaches further than your rights: "
            "only somebody with all rights changes it."
        )
        names = [*_more(client, stored), *_fewer_marks(client, stored)]
        found = {**dict.fromkeys(names, said), **found}
    if not found and client.name != (stored.name if stored else "") and _is_called_alike(client):
        found["name"] = _("An application has this name, or one that looks the same.")
    if found:
        raise ValidationError(found)


def save(client: Client, changed: Iterable[str], actor: str = "") -> None:
    """Save a client, with an event that names the fields that have `changed`, and no value. Its
    access tokens open the gateway no more in any worker where it may not have that scope.
    """
    names = [*([] if client.pk else ["created"]), *changed]
    with transaction.atomic():
        client.save()
        if GATEWAY not in client.allowed_scopes.split():
            AccessToken.objects.filter(application=client).announce()
        if names:
            _tell("client.saved", f"{client.client_id}: {', '.join(names)}", actor)


def delete(clients: Iterable[Client]) -> None:
    """Delete clients, each with an event. Their tokens go with them."""
    gone = list(clients)
    with transaction.atomic():
        for each in gone:
            _tell("client.deleted", each.client_id)
        Client.objects.filter(pk__in=[each.pk for each in gone]).delete()


def _tell(name: str, detail: str, actor: str = "") -> None:
    events.record(events.event(name, detail=detail, actor=actor))


def _is_called_alike(client: Client) -> bool:
    """Tell whether people would take a client for another one, when they are asked."""
    others = Client.objects.exclude(pk=client.pk).values_list("name", "client_id")
    return looks_like_one(client.name, (name or client_id for name, client_id in others))


def _new_marks(client: Client, before: Client) -> Iterator[tuple[str, str]]:
    said = {
        "skip_authorization": _("Only somebody with all rights decides that people are not asked."),
        "legacy_desktop": _("Only somebody with all rights lets a client stay signed in unasked."),
        "introspects": _("Only somebody with all rights shows a client the tokens of others."),
    }
    for name in _MARKS:
        if getattr(client, name) and not getattr(before, name):
            yield name, said[name]
    if GATEWAY in _new(client, before, "allowed_scopes"):
        yield "allowed_scopes", _("Only somebody with all rights gives the scope gateway.")


def _fewer_marks(client: Client, stored: Client) -> Iterator[str]:
    yield from (name for name in _MARKS if getattr(stored, name) and not getattr(client, name))
    if GATEWAY in _new(stored, client, "allowed_scopes"):
        yield "allowed_scopes"


def _more(client: Client, stored: Client) -> Iterator[str]:
    """Yield the fields that say more than what is stored: a list that is longer, another value."""
    yield from (name for name in _LISTS if _new(client, stored, name))
    # No resource in the list is every one that people allow.
    opened = not client.allowed_resources.split() or _new(client, stored, "allowed_resources")
    if stored.allowed_resources.split() and opened:
        yield "allowed_resources"
    for name in _SINGLE:
        value = getattr(client, name)
        if value and value != getattr(stored, name):
            yield name


def _new(client: Client, stored: Client, name: str) -> set[str]:
    return set(getattr(client, name).split()) - set(getattr(stored, name).split())
