"""What a complete OpenID login costs each relying party, the provider over http and over https.

All sign in at the same provider, whose own cost is not counted. A login is both legs, the way there
and the callback, of a new browser of somebody who was here before.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import certifi

from tests.benchmarks.client import Browser
from tests.benchmarks.instructions import per_login
from tests.benchmarks.processes import cpu_seconds
from tests.benchmarks.provider import CLIENT_ID, CLIENT_SECRET, PEOPLE
from tests.benchmarks.servers import Served, mozilla, openid_client, provider
from tests.peers.certificates import Certificates, make_certificates
from tests.peers.site import Site

ROUNDS, LOGINS, WARM_UP = 9, 80, 50
_SOURCE = """
[sources.{slug}]
provider = "oidc"
label = "{slug}"
[sources.{slug}.settings]
issuer = "{issuer}"
client_id = "{client_id}"
client_secret = "{client_secret}"
"""


@dataclass(frozen=True)
class RelyingParty:
    """A server, and the path at which its logins begin; a login that worked ends at `landing`."""

    served: Served
    start: str
    landing: str


class Authority:
    """A throw-away authority, and the bundle of a real machine with it in: parsing that is part of
    the cost of those who do it at each call.
    """

    def __init__(self, folder: Path) -> None:
        self.certificates: Certificates = make_certificates(folder, ("127.0.0.1",))
        self.bundle = folder / "bundle.pem"
        own = self.certificates.authority.read_text()
        self.bundle.write_text(Path(certifi.where()).read_text() + own)


def login(party: RelyingParty, here: Browser, there: Browser) -> None:
    """Sign in once, as a new browser. The connections are kept, as those of a proxy would be."""
    here.cookies.clear()
    there.cookies.clear()
    landed = here.follow(there.follow(here.follow(party.start)))
    if landed.removeprefix(here.origin) != party.landing:
        raise RuntimeError(f"the login of {party} ended at {landed}")


def spent(party: RelyingParty, issuer: str, ca: Path, count: int) -> float:
    """Return microseconds of CPU of the relying party's processes per login, over `count`."""
    here, there = Browser(party.served.url), Browser(issuer, str(ca))
    before = cpu_seconds(party.served.pid)
    for _ in range(count):
        login(party, here, there)
    return (cpu_seconds(party.served.pid) - before) / count * 1e6


def costs(parties: Mapping[str, RelyingParty], issuer: str, ca: Path) -> dict[str, float]:
    """Return what a login costs each relying party, as the median of the rounds.

    The rounds take turns, so that whatever else the machine does meets all of them alike.
    """
    for party in parties.values():
        spent(party, issuer, ca, max(WARM_UP, 2 * PEOPLE))
    rounds = [
        {label: spent(party, issuer, ca, LOGINS) for label, party in parties.items()}
        for _ in range(ROUNDS)
    ]
    return {label: median(each[label] for each in rounds) for label in parties}


def registered(site: Site, slug: str, issuer: str) -> RelyingParty:
    """Give the site a source for a provider."""
    if site.process is None:
        raise RuntimeError("the site has ended")
    told = _SOURCE.format(
        slug=slug, issuer=issuer, client_id=CLIENT_ID, client_secret=CLIENT_SECRET
    )
    site.manage("sources", "apply", "-", stdin=told)
    served = Served(site.url, site.process.pid)
    return RelyingParty(served, f"/auth/login/{slug}", "/account/")


def measure(site_with: Callable[[dict[str, str]], Site], report: Callable[..., None]) -> None:
    """Measure all, and report each. `site_with` starts our site with more variables.

    Ours runs twice: silent as the others are, and with the line for each request, call and event
    that it writes where nothing is said of logs.
    """
    with ExitStack() as stack:
        authority = Authority(Path(stack.enter_context(tempfile.TemporaryDirectory())))
        more = {"VESTIBULE_HTTP_PLAIN": "1", "VESTIBULE_HTTP_CA": str(authority.bundle)}
        sites = {
            "ours": site_with(more),
            "ours, with its log": site_with({**more, "VESTIBULE_LOG_LEVEL": "INFO"}),
        }
        for scheme, certificates in (("http", None), ("https", authority.certificates)):
            issuer = stack.enter_context(provider(certificates))
            parties = {
                label: registered(site, f"bench-{scheme}", issuer) for label, site in sites.items()
            }
            parties |= _others(issuer, authority.bundle, stack)
            for label, value in costs(parties, issuer, authority.bundle).items():
                report(f"{label}: login, provider over {scheme}", value)
            if scheme == "http" and (counted := per_login(sites["ours"], issuer, "bench-http")):
                report("ours: login, thousands of instructions", counted / 1000, "")


def _others(issuer: str, ca: Path, stack: ExitStack) -> dict[str, RelyingParty]:
    node = stack.enter_context(openid_client(issuer, ca))
    django = stack.enter_context(mozilla(issuer, ca, os.environ.get("DATABASE_URL", "")))
    return {
        "openid-client + iron-session": RelyingParty(node, "/login", "/"),
        "mozilla-django-oidc": RelyingParty(django, "/oidc/authenticate/", "/"),
    }
