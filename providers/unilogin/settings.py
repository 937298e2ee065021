"""What an operator may say of Unilogin: the broker, the institution service, and who may come."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from django.utils.translation import gettext as _

from accounts.provider.marks import TRUSTED, WORDS
from accounts.provider.shown import Shown
from accounts.upstream import urls
from providers.oidc.settings import OidcSettings
from providers.unilogin import institutions
from providers.unilogin.form import SHOWN

_WELL_KNOWN = "/.well-known/openid-configuration"
# What stands in a header's quotes or an XML attribute without meaning anything there.
_PLAIN = re.compile(r"(?:(?![\"'<>&\\])[\x21-\x7e]){1,300}")


@dataclass(frozen=True, slots=True, kw_only=True)
class UniloginSettings:
    """Our registration at the broker and at the institution service, and who is let in.

    `issuer` may be the full address of the discovery document. `client_id` may be an address too.
    `municipalities` are the numbers (kommunenr) whose institutions are let in, in any notation:
    101 and 0101 are one. `test_institutions` are let in without being asked for; leave them out
    in production. `ws_...` is the institution service: its address, the SOAP
    action and namespace of its one operation that is used, and who we are there. `cache_seconds`
    is how long its answers are believed, `leeway` how far clocks may be apart, in seconds.
    `backchannel_logout`, `frontchannel_logout`: the broker may end sessions here.
    `inside`: calls may reach addresses inside our own net.
    """

    shown: ClassVar[Mapping[str, Shown]] = SHOWN

    client_id: str = field(metadata=TRUSTED)
    client_secret: str = field(metadata={"secret": True}, repr=False)
    municipalities: tuple[str, ...]
    ws_user: str
    ws_password: str = field(metadata={"secret": True}, repr=False)
    ws_address: str = field(default="https://wsiinst.unilogin.dk/wsiinst-v5/ws", metadata=TRUSTED)
    ws_action: str = "https://wsiinst.unilogin.dk/hentInstitution"
    ws_namespace: str = "https://wsiinst.unilogin.dk/ws"
    test_institutions: tuple[str, ...] = ()
    issuer: str = field(default="https://broker.unilogin.dk/auth/realms/broker", metadata=TRUSTED)
    scope: str = field(default="openid", metadata=WORDS)
    cache_seconds: int = 3600
    leeway: int = 30
    backchannel_logout: bool = True
    frontchannel_logout: bool = True
    label: str = ""
    help: str = ""
    inside: bool = False

    def __post_init__(self) -> None:
        """Raise `ValueError` that names the first wrong field and what it should be."""
        self.as_oidc()
        for problem in problems(self):
            raise ValueError(problem)

    def as_oidc(self) -> OidcSettings:
        """Return what the provider for OpenID Connect is told (docs/threats.md 2.6).

        Raises `ValueError`.
        """
        return OidcSettings(
            issuer=self.issuer.removesuffix(_WELL_KNOWN),
            client_id=self.client_id,
            client_secret=self.client_secret,
            client_auth="post",
            scope=self.scope,
            authorize={"prompt": "login"},
            leeway=self.leeway,
            userinfo="on",
            backchannel_logout=self.backchannel_logout,
            frontchannel_logout=self.frontchannel_logout,
            label=self.label or "Unilogin",
            help=self.help,
            icon="school",
        )


def problems(settings: UniloginSettings) -> Iterator[str]:
    """Say what is wrong with what is Unilogin's own, a sentence for each field."""
    if not settings.municipalities and not settings.test_institutions:
        yield _("municipalities must name whose schools may come in, by kommunenr")
    if not all(map(institutions.municipality, settings.municipalities)):
        yield _("municipalities must be numbers of municipalities, such as 101")
    if not all(map(institutions.number, settings.test_institutions)):
        yield _("test_institutions must be numbers of institutions, such as A04441")
    if wrong := urls.fault(settings.ws_address):
        yield f"ws_address {wrong}"
    for name in ("ws_action", "ws_namespace"):
        if not _PLAIN.fullmatch(getattr(settings, name)):
            yield _("%s must be an address without quotes and spaces") % name
    for name in ("ws_user", "ws_password"):
        value = getattr(settings, name)
        if not value or not value.isprintable():
            yield _("%s is what the institution service knows this site by") % name
    if not 0 <= settings.cache_seconds <= 86400:
        yield _("cache_seconds must be between 0 and 86400")
