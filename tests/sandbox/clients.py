"""Who may use the stand-ins: the site of the demo, as a confidential and as a public client."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.sandbox import conf

CLIENT_ID = "vestibule"
# No secret: it opens nothing but stand-ins on this machine, and is written in docs/demo.md.
CLIENT_SECRET = "known-to-everybody-who-reads-the-documentation"
PUBLIC_CLIENT_ID = "vestibule-public"
# The source that the demo makes, and two slugs for those that its visitors make.
SLUGS = ("citizen", "citizen-public", "test")


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client (RFC 7591, 2). Without a secret it is a public one."""

    client_id: str
    client_secret: str = field(repr=False)
    redirect_uris: tuple[str, ...]
    post_logout_redirect_uris: tuple[str, ...]
    backchannel_logout_uri: str = ""

    @property
    def is_public(self) -> bool:
        """Whether it keeps no secret (RFC 6749, 2.1)."""
        return not self.client_secret


def site_clients() -> tuple[Client, ...]:
    """Return the registered clients, whose addresses follow the site's origin."""
    site = conf.site_origin()
    redirects = tuple(
        f"{site}{path}"
        for slug in SLUGS
        for path in (f"/auth/callback/{slug}", f"/openid/{slug}/callback")
    )
    leaving = (f"{site}/auth/logout/done", f"{site}/")
    return (
        Client(CLIENT_ID, CLIENT_SECRET, redirects, leaving, conf.backchannel_logout_uri()),
        Client(PUBLIC_CLIENT_ID, "", redirects, leaving),
    )
