"""What people allow applications: remembered, and withdrawn (docs/contract.md 4)."""

from collections.abc import Collection, Iterable, Iterator
from itertools import starmap
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from oauth2_provider.settings import oauth2_settings

from accounts import events
from accounts.models import StoredSession, User
from accounts.provider import Visit
from accounts.session import dossier
from accounts.session.ending import hold_all
from accounts.trail import Act, acting
from portal.authorization_server import apart, backchannel
from portal.authorization_server.models import (
    AccessToken,
    Client,
    Consent,
    Grant,
    RefreshToken,
    ToldSession,
)
from portal.authorization_server.resources import scope_at
from portal.tokens.bearer import FIRST_PARTY

_TOLD, _HELD = ("client", "session"), ("application", "session")


def granted(user_id: int, client: Client) -> frozenset[str] | None:
    """Return what a person has allowed, as `Asked.wanted` has it; None before they were asked. What
    was allowed for one service, or for none, says nothing of another (RFC 8707, 3).
    """
    found = Consent.objects.filter(user_id=user_id, client=client).first()
    if found is None:
        return None
    pairs = ((scope, uri) for uri, scopes in _scopes_at(found).items() for scope in scopes)
    return frozenset([*found.scope.split(), *starmap(scope_at, pairs)])


def covers(user_id: int, client: Client, wanted: Iterable[str]) -> bool:
    """Tell whether a client may be given what it wants now: the person has allowed it, or is not
    asked.
    """
    return client.skip_authorization or (granted(user_id, client) or frozenset()).issuperset(wanted)


def is_unproved(client: Client, redirect_uri: str) -> bool:
    """Tell whether any program on the person's computer can be the client: it has no secret, or one
    that each copy of a legacy program brings along (RFC 8252, 8.5), and the address is on loopback
    or has a scheme that any program may take. What was allowed before was allowed to another one,
    perhaps (RFC 8252, 8.6; RFC 6749, 10.2).
    """
    tells_no_secret = client.is_public or client.legacy_desktop
    return tells_no_secret and not redirect_uri.startswith("https://")


def remember(
    user_id: int, client: Client, scopes: Iterable[str], resources: Iterable[str] = ()
) -> None:
    """Keep what a person has allowed, beside what they had allowed before: the scopes, and each of
    them for each of the services.
    """
    with transaction.atomic():
        locked = Consent.objects.select_for_update()
        row, _made = locked.get_or_create(user_id=user_id, client=client)
        own, known = list(scopes), _scopes_at(row)
        added = {uri: list(dict.fromkeys([*known.get(uri, []), *own])) for uri in resources}
        row.scope = " ".join(dict.fromkeys([*row.scope.split(), *own]))
        row.resource = " ".join(dict.fromkeys([*row.resource.split(), *added]))
        row.scopes_at = {**known, **added}
        row.save(update_fields=["scope", "resource", "scopes_at", "updated_at"])


def _scopes_at(row: Consent) -> dict[str, list[str]]:
    return row.scopes_at or {}


def of_person(user_id: int) -> list[tuple[Consent, list[str], list[str]]]:
    """Return what a person has allowed, the latest first, each with all scopes and resources that
    the application has: those of the consent, and those that a device was let in with.
    """
    rows = Consent.objects.filter(user_id=user_id).select_related("client")
    found = {
        each.client_id: (each, each.scope.split(), each.resource.split())
        for each in rows.exclude(client__client_id=FIRST_PARTY).order_by("-updated_at")
    }
    for held in RefreshToken.objects.filter(user_id=user_id, revoked=None):
        if held.application_id in found:
            _consent, scopes, resources = found[held.application_id]
            scopes += [each for each in held.scope.split() if each not in scopes]
            resources += [each for each in held.resource if each not in resources]
    return list(found.values())


def told_of(user_id: int) -> list[dict[str, Any]]:
    """Return the applications that know a person, for whoever looks after them: name, what each was
    allowed in words, and since when.
    """
    return [
        {
            "name": each.client.name or each.client.client_id,
            "words": in_words(scopes, resources),
            "since": each.created_at,
        }
        for each, scopes, resources in of_person(user_id)
    ]


def held_of(person: User) -> Iterator[dossier.Held]:
    """Yield what is stored of a person's applications: what they allowed, and who else knows them:
    of the institution's own nobody is asked.
    """
    asked = of_person(person.pk)
    for each, scopes, resources in asked:
        name = each.client.name or each.client.client_id
        values = {"application": name}
        if allowed := " ".join([*scopes, *resources]):
            values["scope"] = allowed
        yield dossier.Held(dossier.APPLICATION, values, "", each.created_at)
    yield from _unasked(person, {each.client_id for each, *_more in asked})


def _unasked(person: User, asked: Collection[int]) -> Iterator[dossier.Held]:
    """Yield which clients beside those that were `asked` about have tokens of a person, or were
    told of their sessions, until the last of these ends.
    """
    known: dict[Client, tuple[set[str], list[StoredSession]]] = {}
    for told in ToldSession.objects.filter(session__user=person).select_related(*_TOLD):
        known.setdefault(told.client, (set(), []))[1].append(told.session)
    for model in (AccessToken, RefreshToken):
        for held in model.objects.filter(session__user=person).select_related(*_HELD):
            scopes, sessions = known.setdefault(held.application, (set(), []))
            scopes.update(held.scope.split())
            sessions.append(held.session)
    for client, (scopes, sessions) in sorted(known.items(), key=lambda each: each[0].client_id):
        if client.client_id == FIRST_PARTY or client.pk in asked:
            continue
        values = {"application": client.name or client.client_id}
        if scopes:
            values["scope"] = " ".join(sorted(scopes))
        until = max(each.expire_date for each in sessions)
        yield dossier.Held(dossier.APPLICATION, values, "", None, until)


def hand_over(stays: User, goes: User) -> None:
    """Give what a person has allowed to another, who is the same."""
    for each in Consent.objects.filter(user=goes).select_related("client"):
        remember(stays.pk, each.client, each.scope.split())
        for uri, scopes in _scopes_at(each).items():
            remember(stays.pk, each.client, scopes, [uri])


def withdraw(user: User, client: Client, visit: Visit) -> bool:
    """Take back what a person has allowed: tokens and child sessions of the client go with it,
    and it is told of each session that it knew.

    Returns False when there is nothing to take back. A code that is being redeemed is waited for.
    """
    with acting(Act("person", user.pk)), transaction.atomic():
        hold_all(user.pk)
        gone, _kinds = Consent.objects.filter(user=user, client=client).delete()
        if not gone:
            return False
        apart.end_all([client], "consent withdrawn", visit, user=user)
        backchannel.dismiss(client, user)
        for model in (RefreshToken, AccessToken, Grant):
            model.objects.filter(user=user, application=client).delete()
        events.record(events.event("consent.withdrawn", visit, user=user, detail=client.client_id))
    return True


def in_words(scopes: Iterable[str], resources: Iterable[str] = ()) -> list[str]:
    """Return scopes and resources as people read them, in the language of the moment."""
    known = [str(oauth2_settings.SCOPES[each]) for each in scopes if each in oauth2_settings.SCOPES]
    return [*known, *(_("Act in your name at %s") % each for each in resources)]
