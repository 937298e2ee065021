"""The addresses of a login, under two prefixes: `/auth`, for people, and `/openid`, for MapStore's
front end, which gets a token pair at the end (docs/contract.md 2). Each upstream knows both.
"""

from collections.abc import Mapping
from urllib.parse import parse_qs, urlencode, urlsplit

from accounts import conf
from accounts.source.catalogue import ConfiguredSource

AUTH, OPENID = "auth", "openid"
# Where who leaves a shared computer lands, and where a page of theirs goes when nobody used it.
ENDED, IDLE = "/auth/logout/ended", "/auth/logout/idle"


def login_path(slug: str, prefix: str = AUTH, **query: str) -> str:
    """Return the path at which a sign-in by the source `slug` starts; empty values are left out.

    `again="1"` asks for a fresh proof of who the person is, `why="1"` for the page that says first
    what it is for, `other="1"` for a sign-in of somebody else, `switch="1"` for the question
    whether the session that is there should end, `strength` demands one (docs/strength.md 5),
    `shared="1"` says that many use the computer.
    """
    path = f"/openid/{slug}/login" if prefix == OPENID else f"/auth/login/{slug}"
    wanted = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(wanted)}" if wanted else path


def callback_url(slug: str, prefix: str = AUTH) -> str:
    """Return the redirect URI under which the source `slug` answers: absolute and fixed."""
    path = f"/openid/{slug}/callback" if prefix == OPENID else f"/auth/callback/{slug}"
    return conf.site_url() + path


def backchannel_url(slug: str) -> str:
    """Return the address at which the source `slug` ends sessions by a logout token (OIDC's
    backchannel_logout_uri).
    """
    return f"{conf.site_url()}/auth/backchannel/{slug}"


def frontchannel_url(slug: str) -> str:
    """Return the address that the source `slug` frames to end a session (OIDC's
    frontchannel_logout_uri).
    """
    return f"{conf.site_url()}/auth/frontchannel/{slug}"


def failed_path(code: str, prefix: str = AUTH, **more: str) -> str:
    """Return the path of the page of a failed sign-in, which leads on as the sign-in did, with
    `next` and all else that is carried.
    """
    wanted = {"by": prefix if prefix == OPENID else "", **more}
    query = urlencode({name: value for name, value in wanted.items() if value})
    return f"/login/failed/{code}{'?' if query else ''}{query}"


def prefix_of(path: str) -> str:
    """Return the prefix of the path of a request."""
    return OPENID if path.startswith("/openid/") else AUTH


def way_of(slug: str, path: str, next_url: str) -> tuple[str, str]:
    """Return the prefix under which the sign-in by the source `slug` began whose request is at
    `path`, and where its person goes on to. An upstream with one fixed way back answers under ours,
    also on MapStore's way: `next_url` leads back to that then.
    """
    parts = urlsplit(next_url)
    if parts.netloc or parts.path != login_path(slug, OPENID):
        return prefix_of(path), next_url
    return OPENID, parse_qs(parts.query).get("next", [""])[0]


def sign_in_again_url(source: ConfiguredSource | None) -> str:
    """Return the address at which the person of a session that is over signs in again."""
    if source is None:
        return f"{conf.site_url()}/login"
    prefix = OPENID if source.kind == "redirect" else AUTH
    return conf.site_url() + login_path(source.slug, prefix)


def logout_done_url() -> str:
    """Return the address at which upstreams send people back who have left (OIDC's
    post_logout_redirect_uri).
    """
    return f"{conf.site_url()}/auth/logout/done"


def choose_url(next_url: str = "", **more: str) -> str:
    """Return the address of the choice of sources, which leads nowhere straight. `more` is what
    goes along (portal/door/wishes.py); empty values are left out.
    """
    wanted = {"choose": "1", "next": next_url, **more}
    return "/login?" + urlencode({name: value for name, value in wanted.items() if value})


def sign_in_path(next_url: str, wishes: Mapping[str, str] | None = None) -> str:
    """Return the path at which somebody signs in on the way to `next_url`; `wishes` are those of an
    application (portal/door/wishes.py).
    """
    return "/login?" + urlencode({"next": next_url, **(wishes or {})})
