"""The flow of a login at its end: whether the upstream's answer fits it and comes in time, and what
still counts of one that does not.
"""

from dataclasses import replace

from django.http import HttpRequest
from django.utils import timezone

from accounts import conf, errors
from accounts.errors import InvalidRequest
from accounts.login import flow
from accounts.provider import LoginFlow
from accounts.source.catalogue import ConfiguredSource
from portal.door import shared

# What is said of an answer whose flow this browser does not hold, or no more.
UNKNOWN = "The state is missing or unknown."


def check(login_flow: LoginFlow | None, source: ConfiguredSource, path: str) -> None:
    """Refuse an answer at another door (RFC 9700, 4.4), or one that comes too late."""
    if login_flow is None:
        return
    elsewhere = login_flow.redirect_uri != conf.site_url() + path
    if login_flow.source != source.slug or (elsewhere and not source.description.unsolicited):
        raise InvalidRequest("This answer belongs to another source.")
    if flow.expired(login_flow, timezone.now()):
        raise InvalidRequest("The sign-in took too long.", reason=errors.EXPIRED)


def late(
    request: HttpRequest, login_flow: LoginFlow | None, source: ConfiguredSource
) -> LoginFlow | None:
    """Return the flow of an answer that comes too late, without its wish for a fresh proof, at a
    source that takes unsolicited answers. It still says where its person goes on to, how strong the
    sign-in must be, and that the computer is shared.

    None for a flow in time, and for one that was to link: that needs an answer in time.
    """
    if login_flow is None or login_flow.link_uid or login_flow.source != source.slug:
        return None
    if not source.description.unsolicited or not flow.expired(login_flow, timezone.now()):
        return None
    is_shared = login_flow.shared or shared.is_marked(request)
    return replace(login_flow, again=False, shared=is_shared)


def is_abandoned(login_flow: LoginFlow | None, source: ConfiguredSource, session_uid: str) -> bool:
    """Tell whether a flow that was to link is over, and was asked for by another session than that
    of `session_uid`: an unsolicited answer that the browser brings now is no part of it.
    """
    if login_flow is None or not login_flow.link_uid or not source.description.unsolicited:
        return False
    return session_uid != login_flow.link_uid and flow.expired(login_flow, timezone.now())
