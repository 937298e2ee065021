"""The two roads by which people come in: as a person does, and as MapStore's front end does.

They differ in their addresses, which each upstream must know, and in what they hand over at the
end (CONTRACT.md 2).
"""

from __future__ import annotations

from urllib.parse import urlencode

from accounts import conf
from accounts.source.catalogue import ConfiguredSource

AUTH, OPENID = "auth", "openid"


def login_path(slug: str, road: str = AUTH, **query: str) -> str:
    """Return the path at which a sign-in by the source `slug` starts; empty values are left out."""
    path = f"/openid/{slug}/login" if road == OPENID else f"/auth/login/{slug}"
    wanted = {name: value for name, value in query.items() if value}
    return f"{path}?{urlencode(wanted)}" if wanted else path


def callback_url(slug: str, road: str = AUTH) -> str:
    """Return the redirect URI under which the source `slug` answers: absolute and fixed."""
    path = f"/openid/{slug}/callback" if road == OPENID else f"/auth/callback/{slug}"
    return conf.site_url() + path


def road_of(path: str) -> str:
    """Return the road on which the path of a request lies."""
    return OPENID if path.startswith("/openid/") else AUTH


def way_back(source: ConfiguredSource | None) -> str:
    """Return the address at which the person of a session that is over signs in again."""
    if source is None:
        return f"{conf.site_url()}/login"
    road = OPENID if source.description.kind == "redirect" else AUTH
    return conf.site_url() + login_path(source.slug, road)


def logout_done_url() -> str:
    """Return the address at which upstreams send people back who have left (OIDC's
    post_logout_redirect_uri).
    """
    return f"{conf.site_url()}/auth/logout/done"
