"""Unilogin, the sign-in of Danish schools: OpenID Connect, and a rule about who may come in.

Sources: docs/contract.md 1; docs/threats.md 2.6 (the wire) and 2.10 (what is mended here).
"""

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from django.utils.translation import gettext as _

from accounts.errors import InvalidGrant, ProtocolError, TemporarilyUnavailable
from accounts.http import CallFailed, Client
from accounts.provider import (
    Authentication,
    Clock,
    Cookies,
    Description,
    Finding,
    LoginFlow,
    LogoutPlan,
    SessionRef,
    SourceRef,
    TokenSet,
)
from providers.oidc import checks, claims, logout
from providers.oidc.provider import OidcProvider
from providers.unilogin import institution_service, institutions, selftest
from providers.unilogin.settings import UniloginSettings

# A person waits for the call to the broker, so it is shorter than others.
LOGOUT_SECONDS = 3.0
# A look-up takes at most this part of the time that is left, but for the last one.
_SHARES = 3
# What the broker's `loa` means: one factor, or two (docs/unilogin.md).
_STRENGTHS = {"2": "low", "3": "substantial", "EnFaktor": "low", "ToFaktor": "substantial"}


class UniloginProvider(OidcProvider):
    """Speaks to Unilogin's broker and to its institution service."""

    session_type: ClassVar[str] = "unilogin"
    leaves_by_call: ClassVar[bool] = True
    Settings: ClassVar[type[Any]] = UniloginSettings

    def __init__(
        self, source: SourceRef, settings: UniloginSettings, http: Client, clock: Clock
    ) -> None:
        super().__init__(source, settings.as_oidc(), http, clock)
        self.rules = settings
        self.service = institution_service.InstitutionService(settings, http, clock)

    def describe(self) -> Description:
        """Return what the pages need to know, from the settings and what is known already."""
        told = super().describe()
        return replace(
            told,
            help=told.help or _("For pupils and teachers."),
            ends_with_token=True,
            strengths=_STRENGTHS,
        )

    def complete_login(
        self, flow: LoginFlow | None, response: Mapping[str, str], cookies: Cookies
    ) -> Authentication:
        """Redeem the code, ask the broker about the person, and apply the rule of who comes in.

        Raises what the provider for OpenID Connect raises; `AccessDenied` for a person without a
        licence or of none of our municipalities; `TemporarilyUnavailable` when that cannot be found
        out. Each error carries the tokens, for the logout at the broker (W23).
        """
        verified, issued = self.redeem(flow, response)
        tokens = _first_to_end(issued)
        try:
            return self._authenticate(verified, tokens)
        except ProtocolError as error:
            error.tokens, error.subject = tokens, verified["sub"]
            error.sid = claims.session_id(verified)
            raise

    def explain(self, description: str) -> tuple[str, str]:
        """Return why the rule refused a person, and whom to ask."""
        return _explanations().get(description, ("", ""))

    def introduce(self, public: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Return the uniid and the institutions of a pupil, who has no name here."""
        told = public.get("uniLoginUserInfo", {})
        schools = ", ".join(told.get("institutionIds", ()))
        known = [(_("Unilogin"), told.get("uniid", "")), (_("School"), schools)]
        return [(label, str(value)) for label, value in known if value]

    def plan_logout(
        self, session: SessionRef, tokens: TokenSet | None, cookies: Cookies, return_to: str
    ) -> LogoutPlan:
        """Plan the call to the broker by its hint, the id_token; an empty plan without one."""
        if tokens is None or not tokens.id_token:
            return LogoutPlan()
        hint = TokenSet(id_token=tokens.id_token)
        return LogoutPlan(call=hint, api_call=hint)

    def call_logout(self, tokens: TokenSet) -> None:
        """End the session at the broker, within three seconds. Idempotent.

        Raises `TemporarilyUnavailable`.
        """
        logout.end_session(self.client, tokens, LOGOUT_SECONDS)

    def renew(self, tokens: TokenSet) -> TokenSet:
        """Return new tokens, not verified yet. Raises `InvalidGrant`."""
        return _first_to_end(super().renew(tokens))

    def check(self) -> list[Finding]:
        """Test the broker, our registration there and the institution service, live."""
        return [*super().check(), *selftest.findings(self.rules, self.upstream, self.service)]

    def _authenticate(self, verified: dict[str, Any], tokens: TokenSet) -> Authentication:
        """Return who this is, when they may come in (docs/threats.md 2.6, in this order)."""
        introspected = self.client.introspect(tokens.access_token)
        uniid = _uniid(verified, introspected)
        userinfo = self.client.get_userinfo(tokens.access_token, tokens.id_token, verified)
        institutions.check_licence(verified, introspected, userinfo)
        belongs = institutions.listed(introspected.get("institution_ids"))
        self._check_institutions(belongs)
        whole = claims.authentication(self.settings, verified, tokens)
        shown = {"sub": whole.subject, "uniid": uniid, "institutionIds": list(belongs)}
        return replace(
            whole,
            username=uniid,  # never the name: it says nothing to its bearer's friends
            email="",
            email_verified=False,
            acr=_loa(verified, introspected) or whole.acr,
            public={"uniLoginUserInfo": shown},  # docs/contract.md 1, `/auth/session`
            expires_at=tokens.refresh_expires_at or tokens.expires_at,
        )

    def _check_institutions(self, belongs: tuple[str, ...]) -> None:
        ends = time.monotonic() + institution_service.SECONDS

        def municipality_of(each: str, left: int) -> str:
            now = time.monotonic()
            share = (ends - now) / min(left, _SHARES)  # one that hangs leaves time for the next
            return self.service.municipality(each, now + share)

        try:
            institutions.check_institutions(
                belongs,
                allowed=institutions.municipalities(self.rules.municipalities),
                exempt=frozenset(map(institutions.number, self.rules.test_institutions)),
                municipality_of=municipality_of,
            )
        except CallFailed as error:
            # Not the broker's: it can be told at once that nobody came in.
            raise TemporarilyUnavailable(error.description, reason=error.reason) from None


def _explanations() -> dict[str, tuple[str, str]]:
    return {
        institutions.NO_LICENCE: (
            _("Unilogin says that your school has no licence for this service."),
            _("Ask your school whether it should have one."),
        ),
        institutions.NO_INSTITUTION: (
            _("Unilogin does not say which school you belong to."),
            _("Ask the office of your school to register you with Unilogin."),
        ),
        institutions.ELSEWHERE: (
            _("Your school is in a municipality that this service is not for."),
            _("Ask the library where your school is which service it offers."),
        ),
    }


def _loa(*told: Mapping[str, Any]) -> str:
    """Return how strong the sign-in was, as the first of the broker's answers says that does."""
    return next((each["loa"] for each in told if checks.is_name(each.get("loa"), longest=100)), "")


def _first_to_end(tokens: TokenSet) -> TokenSet:
    """Return the tokens, due with the access or the refresh token, whichever ends first."""
    ends = [each for each in (tokens.expires_at, tokens.refresh_expires_at) if each]
    return replace(tokens, expires_at=min(ends)) if ends else tokens


def _uniid(verified: Mapping[str, Any], introspected: Mapping[str, Any]) -> str:
    """Return the uniid. Raises `InvalidGrant` when the answers are of different people."""
    found = introspected.get("uniid")
    if not checks.is_name(found, longest=100):
        raise InvalidGrant("The introspection names no uniid.")
    told = (verified.get("uniid", found), introspected.get("sub", verified["sub"]))
    if told != (found, verified["sub"]):
        raise InvalidGrant("The introspection is of somebody else than the id_token.")
    return found
