"""Back-channel logout, sent (OpenID Connect Back-Channel Logout 1.0): clients hear of the end of a
session that they were told of.

A notice is posted in the transaction that ends the session, and delivered in a thread afterwards:
the person waits for nobody. Addresses inside our own net are refused, redirects are not followed.
"""

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import Q

from accounts import conf, outbox
from accounts.errors import TemporarilyUnavailable
from accounts.http import Client as Http
from accounts.models import StoredSession, User
from portal.authorization_server import keys
from portal.authorization_server.models import (
    AccessToken,
    Client,
    Grant,
    RefreshToken,
    ToldSession,
)
from portal.tokens.bearer import FIRST_PARTY

EVENT = "http://schemas.openid.net/event/backchannel-logout"
_LIFE = 120
_JOINED = ("client", "session__user")


def session_ends(uids: Sequence[str], heir: str) -> None:
    """Post a notice to each client that knows one of the sessions `uids`, which end now. Where a
    client knows a child session by the `sid` of its browser's, it is told once no session of that
    `sid` is left.

    Where the session `heir` takes their place nobody has left: what clients hold moves to it. The
    token pair of our own front ends does not; they fetch another.
    """
    told = ToldSession.objects.filter(session_id__in=uids)
    if heir:
        told.update(session_id=heir)
        for model in (AccessToken, RefreshToken, Grant):
            held = model.objects.filter(session_id__in=uids)
            held.exclude(application__client_id=FIRST_PARTY).update(session_id=heir)
        StoredSession.objects.filter(parent_uid__in=uids).update(parent_uid=heir)
        return
    wanting = list(told.exclude(client__backchannel_logout_uri="").select_related(*_JOINED))
    living = _living([each for each in wanting if _is_beside(each)], uids)
    over = [
        (each.client.client_id, each.sid, each.session.user.uid)
        for each in wanting
        if not (_is_beside(each) and (each.client_id, each.sid) in living)
    ]
    for each in dict.fromkeys(over):
        _post(*each)


def dismiss(client: Client, person: User) -> None:
    """Post a notice to a client for each session of a person's that it knows: they go on, and it
    may hold none of them any more.
    """
    told = ToldSession.objects.filter(session__user=person, client=client)
    if client.backchannel_logout_uri:
        for sid in sorted(set(told.values_list("sid", flat=True))):
            _post(client.client_id, sid, person.uid)
    told.delete()


def _post(client_id: str, sid: str, subject: str) -> None:
    outbox.post_notice(client_id, {"client_id": client_id, "sid": sid, "sub": subject})


def _is_beside(told: ToldSession) -> bool:
    """Tell whether a session is not the one that its client knows by this name, but one that began
    under it and has a life of its own.
    """
    return told.session.kind == StoredSession.Kind.CLIENT and told.sid != told.session_id


def _living(beside: Sequence[ToldSession], uids: Sequence[str]) -> set[tuple[int, str]]:
    """Return the pairs of client and `sid` under which a session lives on, among those that share
    a `sid` with `beside`: the browser's session and the others that began under it. All are
    locked in one order: of two that end at once the second waits, and finds the first one gone.
    """
    if not beside:
        return set()
    parents = {each.session.parent_uid for each in beside}
    family = Q(session_id__in=parents) | Q(session__parent_uid__in=parents)
    rows = ToldSession.objects.filter(family).select_for_update(of=("self",)).order_by("pk")
    return {(each.client_id, each.sid) for each in rows if each.session_id not in uids}


def deliver(notice: Mapping[str, Any]) -> None:
    """Send one logout token (2.4 and 2.5). A client that says that it is none of its own has heard.

    Raises `NobodyDelivers` when the client is gone, `TemporarilyUnavailable` to be tried again.
    """
    client = Client.objects.filter(client_id=notice["client_id"]).first()
    if client is None or not client.backchannel_logout_uri:
        raise outbox.NobodyDelivers("The client is gone, or wants to hear no more.")
    form = {"logout_token": logout_token(client, notice["sid"], notice["sub"])}
    answer = Http("back-channel-logout").post(client.backchannel_logout_uri, form=form)
    if answer.status == 400:
        raise outbox.NobodyDelivers("The client refuses the logout token.")
    if not 200 <= answer.status < 300:
        raise TemporarilyUnavailable(f"The client answered {answer.status}.")


def logout_token(client: Client, sid: str, subject: str) -> str:
    """Return a logout token, signed as id_tokens are (2.4)."""
    now = int(time.time())
    claims = {
        "iss": conf.site_url(),
        "aud": client.client_id,
        "iat": now,
        "exp": now + _LIFE,
        "jti": secrets.token_hex(16),
        "sub": subject,
        "sid": sid,
        "events": {EVENT: {}},
    }
    return keys.sign(claims, typ="logout+jwt")
