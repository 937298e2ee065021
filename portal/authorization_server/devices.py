"""The device grant (RFC 8628), in the place of the toolkit's, which binds a code to no client, lets
it be redeemed many times and looks codes up without an index.

A device code rests as its SHA-256. The state moves by conditional UPDATEs and one DELETE.
"""

import secrets
from dataclasses import replace
from datetime import timedelta
from functools import cache as once

from django.db import IntegrityError, connection, transaction
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils import timezone
from limits import RateLimitItemPerMinute

from accounts import cache, conf, events
from accounts.errors import InvalidGrant, ProtocolError
from accounts.factors.typed_code import joined
from accounts.keyring import digest
from accounts.login import lockout
from accounts.models import StoredSession
from accounts.provider import Visit
from accounts.session import children
from accounts.session.ending import hold
from accounts.session.typed import Session
from portal import conf as portal_conf
from portal.authorization_server import asked, clients, consents, errors, resources, wire
from portal.authorization_server.issued import (
    Issued,
    narrowed,
    require_active,
    still_given,
    tell,
)
from portal.authorization_server.models import Client, DeviceGrant
from portal.authorization_server.wire import Parameters
from portal.door import incoming, shared
from portal.tokens import bearer, minting
from portal.tokens.token_errors import InvalidToken

# RFC 8628, 6.1: 20 letters, none of them a vowel, 25.6 thousand million codes.
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
LETTERS = 8
INTERVAL, SLOWER, SLOWEST = 5, 5, 300
# What people take for a letter of ours.
_ALIKE = str.maketrans({"5": "S", "8": "B", "2": "Z", "6": "G", "1": "L"})
_STARTS = RateLimitItemPerMinute(120, 5, namespace="device-start")
_GUESSES = RateLimitItemPerMinute(20, 5, namespace="device-person")
_PLACE_GUESSES = RateLimitItemPerMinute(200, 5, namespace="device-place")
_ATTEMPTS = 5
_TO_FETCH = timedelta(minutes=1)
_MAY_NOT = "This client may not use the device grant."


@wire.endpoint("POST", origins=wire.Origins.CLIENTS)
def device_authorization(request: HttpRequest) -> HttpResponseBase:
    """Give a device its two codes (RFC 8628, 3.1 and 3.2)."""
    given = wire.read_form(request, "scope", "resource")
    client = clients.calling(request.headers.get("Authorization", ""), given)
    if not client.may_use(Client.GRANT_DEVICE_CODE):
        raise errors.UnauthorizedClient(_MAY_NOT)
    scopes = asked.scopes_of(client, given.get("scope", "openid"))
    resource = resources.check(given.resource, client.allowed_resources.split())
    visit = incoming.visit(request)
    lockout.spend_places(_STARTS, visit.address)
    code, row = _begin(client, scopes, resource, visit)
    shown = f"{row.user_code[:4]}-{row.user_code[4:]}"
    page = f"{conf.site_url()}/device"
    return JsonResponse(
        {
            "device_code": code,
            "user_code": shown,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={shown}",
            "expires_in": int(portal_conf.device_lifetime().total_seconds()),
            "interval": row.interval,
        }
    )


def poll(authorization: str, given: Parameters, visit: Visit) -> Issued:
    """Return the tokens of a device that its person has approved, once (RFC 8628, 3.4 and 3.5).

    While it waits this costs one query. Raises `AuthorizationPending`, `SlowDown`, `DeviceRefused`,
    `ExpiredToken`, `InvalidGrant` for a code that is unknown, spent or another client's, and for a
    client that may have none of its scopes any more, `UnauthorizedClient` for one that may not use
    this grant any more (RFC 6749, 5.2), `InvalidTarget` for a resource that the person has not
    allowed, or that is the client's no more (RFC 8707, 2.2).
    """
    credentials = clients.shown(authorization, given)
    key = digest(given.need("device_code"))
    public = credentials.method == Client.Method.NONE
    interval = interval_of(key, credentials.client_id) if public else None
    if interval is not None:
        raise _still_waiting(key, interval)
    row = DeviceGrant.objects.filter(device_code=key).select_related("application").first()
    if row is None or row.application.client_id != credentials.client_id:
        clients.authenticate(credentials, clients.find(credentials.client_id))
        raise InvalidGrant("The device code is not known.")
    client = clients.authenticate(credentials, row.application)
    if not client.may_use(Client.GRANT_DEVICE_CODE):
        raise errors.UnauthorizedClient(_MAY_NOT)
    if row.status == DeviceGrant.REFUSED:
        raise errors.DeviceRefused("The person said no.")
    if row.expires <= timezone.now():
        raise errors.ExpiredToken("The device code has expired. Start again.")
    if row.status == DeviceGrant.PENDING:
        raise _still_waiting(key, row.interval)
    wanted = narrowed(still_given(row.resource, client), resources.check(given.resource))
    return _redeem(row, client, wanted, visit)


def interval_of(key: str, client_id: str) -> int | None:
    """Return the seconds between two polls of a device that waits: the one whose code has the
    digest `key`, of the public client `client_id`. None when more is to be seen: decided, expired,
    unknown, or another client's. Costs one query.
    """
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    method, status = Client.Method.NONE.value, DeviceGrant.PENDING
    with connection.cursor() as cursor:
        cursor.execute(_waiting(), [key, now, client_id, method, status])
        found = cursor.fetchone()
    return int(found[0]) if found else None


def is_in_time(key: str, interval: int) -> bool:
    """Count a poll. Returns False when it comes too early; the first never does."""
    return cache.shared.add(_mark(key), True, max(1, interval - 1))


def user_code_of(text: str) -> str:
    """Return the code that somebody typed as we keep it, or nothing when it is none of ours."""
    if len(text) > 40:
        return ""
    found = joined(text).upper().translate(_ALIKE)
    return found if len(found) == LETTERS and set(found) <= set(ALPHABET) else ""


def waiting(user_code: str) -> DeviceGrant | None:
    """Return the device that waits under a code, or None: one look into the index. It asks for what
    its client may have still; where that is nothing, nobody can let it in.
    """
    if not user_code:
        return None
    found = _pending().filter(user_code=user_code).select_related("application")
    row = found.first()
    return _as_its_client_may(row) if row else None


def _as_its_client_may(row: DeviceGrant) -> DeviceGrant | None:
    """Return the device, which asks for what its client may have still, unsaved; None where that is
    nothing.
    """
    client: Client = row.application
    scopes, services = client.scopes_of(row.scope.split()), client.resources_of(row.resource)
    if not client.may_use(Client.GRANT_DEVICE_CODE) or not scopes:
        return None
    if row.resource and not services:
        return None
    row.scope, row.resource = " ".join(scopes), services
    return row


def count_guess(person_id: int, visit: Visit) -> None:
    """Count one look at a code. Raises `TooManyRequests` (RFC 8628, 5.1)."""
    lockout.spend(_GUESSES, str(person_id))
    lockout.spend_places(_PLACE_GUESSES, visit.address)


def approve(user_code: str, parent: StoredSession, session: Session, visit: Visit) -> bool:
    """Let the device that waits under a code in, by a child session. Of two people who approve it
    at once one does. Returns False when it waits no more. Raises `InvalidGrant` when the session
    `parent` has ended.
    """
    with transaction.atomic():
        row = waiting(user_code)
        if row is None:
            return False
        label = row.application.name or row.application.client_id
        device = Visit(address=row.address or "", user_agent=row.user_agent)
        # The computer at which it is approved may be shared, the device is another one.
        own = replace(session, shared=shared.is_network(device.address))
        child = children.begin(parent, own, label, device)
        mine = _pending().filter(pk=row.pk)
        approved = {"status": DeviceGrant.APPROVED, "session_id": child.uid}
        # A device that is let in at the last moment has time for one more poll.
        expires = max(row.expires, timezone.now() + _TO_FETCH)
        if not mine.update(**approved, user_id=parent.user_id, expires=expires):
            transaction.set_rollback(True)
            return False
        # What asks by a redirect later need not be this device: it is asked about by itself.
        consents.remember(parent.user_id or 0, row.application, ())
        _record("device.approved", row, parent, visit)
    return True


def refuse(user_code: str, parent: StoredSession, visit: Visit) -> bool:
    """Turn the device that waits under a code away. Returns False when it waits no more. Raises
    `InvalidGrant` when the session `parent` has ended.
    """
    with transaction.atomic():
        if not hold(parent.uid):
            raise InvalidGrant("The session has ended.")
        row = waiting(user_code)
        refused = {"status": DeviceGrant.REFUSED, "user_id": parent.user_id}
        if row is None or not _pending().filter(pk=row.pk).update(**refused):
            return False
        _record("device.denied", row, parent, visit)
    return True


def answer_of(user_code: str, person_id: int) -> str:
    """Return the state to which this person has brought the device of a code; nothing when it still
    waits, another person has answered, or it is gone.
    """
    decided = DeviceGrant.objects.exclude(status=DeviceGrant.PENDING)
    found = decided.filter(user_code=user_code, user_id=person_id).values_list("status", flat=True)
    return found.first() or ""


def _pending() -> QuerySet[DeviceGrant]:
    return DeviceGrant.objects.filter(status=DeviceGrant.PENDING, expires__gt=timezone.now())


@once
def _waiting() -> str:
    """Return the SQL of what a poll needs to know while the person has not decided, built once."""
    rows = DeviceGrant.objects.filter(device_code="x").filter(expires__gt=timezone.now())
    rows = rows.filter(application__client_id="x").filter(application__auth_method="x")
    sql: str = rows.filter(status="x").values_list("interval").query.sql_with_params()[0]
    return sql


def _begin(
    client: Client, scopes: tuple[str, ...], resource: tuple[str, ...], visit: Visit
) -> tuple[str, DeviceGrant]:
    """Make the row. A user code that is taken is drawn anew."""
    code = secrets.token_urlsafe(32)
    for attempt in range(_ATTEMPTS):
        row = DeviceGrant(
            application=client,
            client_id=client.client_id[:100],
            device_code=digest(code),
            user_code="".join(secrets.choice(ALPHABET) for _ in range(LETTERS)),
            scope=" ".join(scopes),
            resource=list(resource),
            interval=INTERVAL,
            expires=timezone.now() + portal_conf.device_lifetime(),
            address=events.address_or_none(visit.address),
            user_agent=visit.user_agent[:300].replace("\0", ""),
        )
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:
            if not Client.objects.filter(pk=client.pk).exists():  # it has just been deleted
                raise errors.InvalidClient from None
            if attempt == _ATTEMPTS - 1:
                raise
        else:
            break
    return code, row


def _still_waiting(key: str, interval: int) -> ProtocolError:
    """Return that the person has not decided yet, or that the device asks too often."""
    if is_in_time(key, interval):
        return errors.AuthorizationPending("The person has not decided yet.")
    slower = _pending().filter(device_code=key, interval__lt=SLOWEST)
    slower.update(interval=F("interval") + SLOWER)
    cache.shared.set(_mark(key), True, interval + SLOWER - 1)
    return errors.SlowDown("Wait five seconds longer between two polls.")


def _mark(key: str) -> str:
    return f"device-poll:{key}"


def _redeem(row: DeviceGrant, client: Client, resource: list[str], visit: Visit) -> Issued:
    """Delete the code, and make the tokens: of twenty polls one does."""
    holder = StoredSession.objects.filter(uid=row.session_id).select_related("user").first()
    if holder is None or holder.user is None:
        raise InvalidGrant("The session has ended.")
    try:
        session = bearer.standing(holder)
    except InvalidToken:
        raise InvalidGrant("The session has ended.") from None
    require_active(session)
    scopes = client.scopes_of(row.scope.split())
    if not scopes:
        raise InvalidGrant("The client may have none of these scopes any more.")
    with transaction.atomic():
        if not hold(holder.uid):
            raise InvalidGrant("The session has ended.")
        gone, _kinds = DeviceGrant.objects.filter(pk=row.pk, status=DeviceGrant.APPROVED).delete()
        if not gone:
            raise InvalidGrant("The device code was used before.")
        request = minting.request_for(client, holder, scopes, resource, row.resource)
        request.began_by = Client.GRANT_DEVICE_CODE
        minted = minting.mint(request, refresh=True)
        tell([holder.uid], client, holder.uid)
    return Issued(minted, client, session, holder.user, holder.uid)


def _record(name: str, row: DeviceGrant, by: StoredSession, visit: Visit) -> None:
    said = events.event(
        name,
        visit,
        source=by.source,
        session_type=by.type,
        user_id=by.user_id,
        session_uid=by.uid,
        detail=row.application.client_id,
    )
    events.record(said)
