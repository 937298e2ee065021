"""The end of a session at the stand-in, and telling its clients of it."""

from __future__ import annotations

from accounts.errors import TemporarilyUnavailable
from accounts.http import Client as HttpClient
from tests.sandbox import grants, store, tokens
from tests.sandbox.grants import Grant
from tests.sandbox.realms import Realm


def end_session(realm: Realm, sid: str) -> None:
    """End a session with all its tokens, and tell each client that registered for it.

    OIDC Back-Channel Logout 1.0, 2.5. A client that does not answer keeps nobody signed in here.
    """
    store.drop_family("session", sid)
    # One token for each client is enough: it ends all that the client knows under this sid.
    ended = {grant.client_id: grant for grant in grants.end_of_session(sid)}
    for grant in ended.values():
        _tell(realm, grant)


def _tell(realm: Realm, grant: Grant) -> None:
    client = realm.client(grant.client_id)
    if client is None or not client.backchannel_logout_uri:
        return
    form = {"logout_token": tokens.logout_token(realm, grant)}
    try:
        HttpClient(f"sandbox:{realm.name}").post(client.backchannel_logout_uri, form=form)
    except TemporarilyUnavailable:
        return  # accounts.http wrote the line in the log
