"""Any OpenID provider: the authorization code flow with PKCE, and what belongs to its sessions."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, ClassVar

from django.utils.translation import gettext as _

from accounts.errors import InvalidGrant, InvalidRequest, TemporarilyUnavailable
from accounts.http import Client
from accounts.provider import (
    Authentication,
    Clock,
    Cookies,
    Description,
    Ended,
    Finding,
    LoginFlow,
    LogoutPlan,
    Redirect,
    SessionRef,
    SourceRef,
    TokenSet,
)
from accounts.upstream.urls import with_query
from providers.oidc import authorization, bearer, checks, claims, form, logout, selftest
from providers.oidc.client import OidcClient
from providers.oidc.discovery import Upstream
from providers.oidc.settings import OidcSettings

# Who leaves does not wait long for a provider that may not answer.
LEAVING_SECONDS = 2.5


class OidcProvider:
    """Speaks OpenID Connect Core 1.0 to the provider that the settings name."""

    session_type: ClassVar[str] = "oidc"
    Settings: ClassVar[type[Any]] = OidcSettings

    def __init__(
        self, source: SourceRef, settings: OidcSettings, http: Client, clock: Clock
    ) -> None:
        self.source, self.settings, self.clock = source, settings, clock
        self.upstream = Upstream(settings, http, clock)
        self.client = OidcClient(settings, self.upstream, http, clock)

    def describe(self) -> Description:
        """Return what the pages need to know, from the settings alone."""
        return Description(
            label=self.settings.label or _("OpenID Connect"),
            icon=self.settings.icon,
            help=self.settings.help,
            form_post=self.settings.response_mode == "form_post",
            issuer=self.settings.issuer,
            bearer=self.settings.bearer_validation if self.settings.accept_bearer else "",
            backchannel=self.settings.backchannel_logout,
            frontchannel=self.settings.frontchannel_logout,
            strengths=self.settings.strengths,
        )

    def begin_login(self, flow: LoginFlow) -> Redirect:
        """Return the authorization request (OIDC Core, 3.1.2.1; RFC 7636, 4.3).

        Raises `TemporarilyUnavailable` when the provider is not known yet and does not answer.
        """
        known = self.upstream.metadata()
        asked = authorization.request(
            self.settings,
            flow,
            known.supported("prompt_values_supported") or (),
            known.supported("acr_values_supported") or (),
        )
        return Redirect(with_query(known.endpoint("authorization_endpoint"), asked))

    def complete_login(
        self, flow: LoginFlow | None, response: Mapping[str, str], cookies: Cookies
    ) -> Authentication:
        """Redeem the code and verify what comes of it (OIDC Core, 3.1.3 and 5.3).

        Raises `InvalidRequest` for an answer that is not to this flow, `AccessDenied` when the
        person said no or the source does not let them in, `InvalidGrant` when anything that was
        issued does not hold, `TemporarilyUnavailable` when the provider does not answer.
        """
        verified, tokens = self.redeem(flow, response)
        userinfo = self.client.get_userinfo(tokens.access_token, tokens.id_token, verified)
        merged = claims.merge(self.settings, verified, userinfo)
        outcome = claims.authentication(self.settings, merged, tokens)
        return claims.settled(self.settings, outcome, verified, userinfo)

    def redeem(
        self, flow: LoginFlow | None, answer: Mapping[str, str]
    ) -> tuple[dict[str, Any], TokenSet]:
        """Return the claims of the id_token, and the tokens, behind an authorization response.

        For `complete_login`, and for providers that add rules of their own to it.
        """
        if flow is None:
            raise InvalidRequest("Nobody is signed in who did not ask for it here.")
        authorization.check_state(flow, answer)
        authorization.check_issuer(self.settings, self.upstream.metadata(), answer)
        form = authorization.token_request(flow, authorization.code_of(answer))
        tokens = authorization.token_set(self.client.get_token(form), self.clock())
        if not tokens.id_token:
            raise InvalidGrant("The token response holds no id_token.")
        verified = self.client.verify_token(
            tokens.id_token, nonce=flow.nonce, access_token=tokens.access_token
        )
        max_age, leeway = self.settings.authorize.get("max_age", ""), self.settings.leeway
        checks.authenticated_at(verified, max_age, self.clock(), leeway)
        if flow.again:
            checks.proof_is_fresh(verified, flow.started_at, leeway)
        return verified, tokens

    def plan_logout(
        self, session: SessionRef, tokens: TokenSet | None, cookies: Cookies, return_to: str
    ) -> LogoutPlan:
        """Plan the visit (RP-Initiated Logout, 2) and the revocation.

        A provider that is known and in no trouble is not asked; nobody is sent to one that does not
        answer.
        """
        known, silent = self.upstream.peek(), False
        if known is None or session.troubled:
            fresh = self.upstream.probe(LEAVING_SECONDS)
            known, silent = fresh or known, fresh is None
        return logout.plan(self.settings, known, tokens, return_to, silent=silent)

    def check(self) -> list[Finding]:
        """Test the provider and our registration there, live."""
        known = {each.name for each in fields(self.Settings)}
        return list(selftest.findings(self.source, self.client, known))

    def refresh(self, tokens: TokenSet) -> TokenSet:
        """Return new tokens (RFC 6749, 6; OIDC Core, 12), verified. Raises as its two steps do."""
        fresh = self.renew(tokens)
        self.confirm(tokens, fresh)
        return fresh

    def renew(self, tokens: TokenSet) -> TokenSet:
        """Return new tokens, not verified yet. What is not sent again stays.

        Raises `InvalidGrant` when they are refused, `TemporarilyUnavailable` for an answer that
        holds no tokens.
        """
        if not tokens.refresh_token:
            raise InvalidGrant("There is no refresh token.")
        asked = {"grant_type": "refresh_token", "refresh_token": tokens.refresh_token}
        answer = self.client.get_token(asked)
        try:
            fresh = authorization.token_set(answer, self.clock())
        except InvalidGrant as error:
            # A malformed answer says nothing of the person.
            raise TemporarilyUnavailable(error.description) from None
        if not fresh.refresh_token:
            kept = fresh.refresh_expires_at or tokens.refresh_expires_at
            fresh = replace(fresh, refresh_token=tokens.refresh_token, refresh_expires_at=kept)
        return replace(
            fresh, id_token=fresh.id_token or tokens.id_token, scope=fresh.scope or tokens.scope
        )

    def confirm(self, before: TokenSet, fresh: TokenSet) -> None:
        """Verify a new id_token: issuer, subject and nonce are the old one's (OIDC Core, 12.2).

        Raises `InvalidGrant` when it does not hold or is of somebody else, `TemporarilyUnavailable`
        when its key is not published, as while a provider changes its keys.
        """
        if fresh.id_token != before.id_token:
            self.client.verify_renewed(before.id_token, fresh.id_token, fresh.access_token)

    def call_logout(self, tokens: TokenSet) -> None:
        """Revoke the tokens upstream (RFC 7009). Raises `TemporarilyUnavailable`."""
        logout.revoke(self.client, tokens)

    def verify_bearer(self, token: str) -> Authentication:
        """Return whose access token this is, when the settings accept it.

        Raises `InvalidGrant`, `TemporarilyUnavailable`, or `AccessDenied` when the source's rules
        do not let this person in. Nothing is cached here.
        """
        return claims.authentication(self.settings, bearer.claims_of(self.client, token), None)

    def verify_logout_token(self, raw: str) -> Ended:
        """Return what ended (Back-Channel Logout, 2.6). Raises `InvalidRequest`."""
        return logout.verify_logout_token(self.client, raw)

    def discovery(self) -> Mapping[str, Any]:
        """Return the provider's own document, or its last good copy, as far as it can be told."""
        return self.upstream.metadata().shown()

    def filled_in(self) -> Mapping[str, Any]:
        """Return the settings that follow from the provider's document, asked for anew."""
        return form.filled_in(self.upstream.fetch_document(), self.settings.algorithms)
