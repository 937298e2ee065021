"""Our client at one OpenID provider, on top of mozilla-django-oidc.

Of the library's steps these run: `verify_token`, which finds the key, has the signature verified
and compares the nonce, and `get_payload_data`, which refuses an unsecured JWT. They call what is
overridden here: `get_settings`, since each source has its own settings; `retrieve_matching_jwk`,
since the keys are kept; `_verify_jws`, since several algorithms are allowed and the library's reads
a token leniently. `get_token` and `get_userinfo` are overridden too: the library's calls follow
redirects and have no limit in bytes. Its `authenticate`, `get_or_create_user` and all else that
knows requests, sessions or users never run. The checks of OIDC Core 3.1.3.7 that the library does
not make are in `checks`.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

import jwt
import structlog
from django.core.exceptions import SuspiciousOperation
from mozilla_django_oidc.auth import OIDCAuthenticationBackend

from accounts.errors import InvalidGrant, TemporarilyUnavailable
from accounts.http import Answer, Client
from accounts.provider import Clock
from accounts.upstream.last_good import LOGIN
from providers.oidc import authorization, checks
from providers.oidc.discovery import STRANGER, Upstream
from providers.oidc.jose import (
    BadSignature,
    KeyNotSought,
    SignedToken,
    UnknownKey,
    unverified_claims,
)
from providers.oidc.settings import OidcSettings

log = structlog.get_logger("vestibule.oidc")


class OidcClient(OIDCAuthenticationBackend):  # type: ignore[misc]  # the library is not typed
    """Speaks to one provider for one source. Thread-safe, and opens nothing when made."""

    def __init__(
        self, settings: OidcSettings, upstream: Upstream, http: Client, clock: Clock
    ) -> None:
        self.settings, self.upstream, self.http, self.clock = settings, upstream, http, clock
        super().__init__()

    def get_settings(self, attr: str, *args: Any) -> Any:
        """Answer the library, never from the settings of the site.

        RS256 makes it look for a public key; `_verify_jws` knows which algorithms are allowed.
        """
        known = {"OIDC_OP_JWKS_ENDPOINT": "", "OIDC_RP_SIGN_ALGO": "RS256", "OIDC_USE_NONCE": True}
        return known.get(attr, args[0] if args else "")

    def get_token(self, payload: Mapping[str, str]) -> dict[str, Any]:
        """Ask the token endpoint. Raises `InvalidGrant` or `TemporarilyUnavailable`."""
        refresh = payload["grant_type"] == "refresh_token"
        answer = self.post_as_client("token_endpoint", payload, hearsay=not refresh)
        authorization.check_answer(answer, refresh=refresh)
        return answer.json_object("The token endpoint")

    def post_as_client(
        self, endpoint: str, form: Mapping[str, str], *, hearsay: bool = False
    ) -> Answer:
        """Post to an endpoint where our client proves itself (RFC 6749, 2.3.1).

        `hearsay` as in `accounts.http`: a stranger wrote what is sent. Raises
        `TemporarilyUnavailable`, also when the provider has no such endpoint.
        """
        url = self._endpoint(endpoint)
        settings, auth, body = self.settings, None, dict(form)
        if settings.authenticates_by == "basic":
            auth = (quote_plus(settings.client_id), quote_plus(settings.client_secret))
        else:
            body["client_id"] = settings.client_id
        if settings.authenticates_by == "post":
            body["client_secret"] = settings.client_secret
        return self.http.post(url, form=body, auth=auth, hearsay=hearsay)

    def introspect(self, access_token: str, *, hearsay: bool = False) -> dict[str, Any]:
        """Return what the provider says of an access token, which must be active (RFC 7662, 2).

        Raises `InvalidGrant` when it is not, `TemporarilyUnavailable` when nothing is said.
        """
        form = {"token": access_token, "token_type_hint": "access_token"}
        answer = self.post_as_client("introspection_endpoint", form, hearsay=hearsay)
        claims = answer.json_object("The introspection endpoint")
        if claims.get("active") is not True:
            raise InvalidGrant("The access token is not active.")
        return claims

    def retrieve_matching_jwk(self, token: SignedToken, asker: str = LOGIN) -> jwt.PyJWK:
        """Return the one key that may have signed `token`. Raises `InvalidGrant` when none may, as
        its subclass `UnknownKey` when none of that name is published.
        """
        token.asker = asker
        algorithm = token.algorithm(self.settings.algorithms)
        key = self.upstream.key(token.header.get("kid"), algorithm, asker)
        if key is None:
            raise InvalidGrant("No key that the provider publishes may have signed the token.")
        return key

    def _verify_jws(self, payload: SignedToken, key: jwt.PyJWK) -> dict[str, Any]:
        """Verify the signature by the algorithm that the key is bound to, one that is allowed.

        A provider that was set up anew may have another key under the same name: it is tried too.
        """
        algorithm = payload.algorithm(self.settings.algorithms)
        try:
            return payload.claims(key, algorithm)
        except BadSignature:
            kid = payload.header.get("kid")
            newer = self.upstream.key(kid, algorithm, payload.asker, failed=key)
            if newer is None:
                raise
            return payload.claims(newer, algorithm)

    def verify_token(self, token: str, **kwargs: Any) -> dict[str, Any]:
        """Return the claims of an id_token (OIDC Core, 3.1.3.7). Raises `InvalidGrant`.

        `nonce` is what the token must repeat, None when it must have none; `access_token` came
        with it. Raises `TemporarilyUnavailable` when its key is not published: the provider itself
        has just sent it, so the key is a new one (10.1.1) and says nothing of the person.
        """
        claims = self._genuine(token, **kwargs)
        self._check_times(claims)
        return claims

    def _genuine(self, token: str, **kwargs: Any) -> dict[str, Any]:
        """Return the claims of an id_token that the provider made for us, whenever it did."""
        signed = SignedToken(token)
        signed.check_type("jwt")
        try:
            claims: dict[str, Any] = super().verify_token(signed, nonce=kwargs["nonce"])
        except SuspiciousOperation:
            raise InvalidGrant("The token answers another request.") from None
        except UnknownKey as error:
            raise TemporarilyUnavailable(error.description) from None
        self._check_parties(claims)
        checks.access_token_hash(claims, kwargs["access_token"], signed.header["alg"])
        return claims

    def verify_renewed(self, before: str, fresh: str, access_token: str) -> None:
        """Verify the id_token that came with a refresh: issuer, subject and nonce are those of the
        former one (OIDC Core, 12.2). By its times alone nobody is judged: the provider has just
        sent it, so they say that a clock is wrong, and nothing of the person.

        Raises `InvalidGrant` when it does not hold or is of somebody else, `TemporarilyUnavailable`
        when its key is not published, as while a provider changes its keys.
        """
        old, said = unverified_claims(before), unverified_claims(fresh)
        nonce = old.get("nonce") if "nonce" in said else None
        verified = self._genuine(fresh, nonce=nonce, access_token=access_token)
        if verified["sub"] != old.get("sub"):
            raise InvalidGrant("The new id_token is of somebody else.")
        try:
            self._check_times(verified)
        except InvalidGrant as error:
            log.warning("oidc.clock", issuer=self.settings.issuer, why=error.description)

    def check_claims(self, claims: Mapping[str, Any]) -> None:
        """Check whose token it is, for whom, and that it is in its time."""
        self._check_parties(claims)
        self._check_life(claims)

    def _check_parties(self, claims: Mapping[str, Any]) -> None:
        settings = self.settings
        checks.issuer(claims, settings.issuer)
        checks.subject(claims)
        checks.audience(claims, settings.client_id, settings.trusted_audiences)
        checks.authorized_party(claims, settings.client_id)

    def _check_life(self, claims: Mapping[str, Any]) -> None:
        checks.expiry(claims, self.clock(), self.settings.leeway)
        checks.not_before(claims, self.clock(), self.settings.leeway)

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        self._check_life(claims)
        checks.issued_at(claims, self.clock(), self.settings.leeway)

    def signed_claims(
        self, token: SignedToken, *types: str, asker: str = STRANGER
    ) -> dict[str, Any]:
        """Return the claims of a token of one of `types` whose signature holds.

        Raises `InvalidGrant`, and `TemporarilyUnavailable` for a key that may be a new one, since
        no look for it was due: a stranger's token of before may have caused that.
        """
        token.check_type(*types)
        try:
            key = self.retrieve_matching_jwk(token, asker)
        except KeyNotSought as error:
            hearsay = asker == STRANGER
            raise TemporarilyUnavailable(error.description, is_hearsay=hearsay) from None
        return dict(self.get_payload_data(token, key))

    def get_userinfo(
        self, access_token: str, id_token: str, payload: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return what the userinfo endpoint says of the subject of `payload` (OIDC Core, 5.3).

        {} when it is switched off, or has no address and is not insisted on. Raises `InvalidGrant`
        when it speaks of somebody else or refuses the token, else `TemporarilyUnavailable`.
        """
        wanted, known = self.settings.userinfo, self.upstream.metadata()
        if wanted == "off" or (wanted == "auto" and not known.endpoint("userinfo_endpoint")):
            return {}
        claims = self.userinfo(access_token)
        if claims.get("sub") != payload["sub"]:
            raise InvalidGrant("The userinfo is of somebody else.")
        return claims

    def userinfo(self, access_token: str, *, hearsay: bool = False) -> dict[str, Any]:
        """Return what the userinfo endpoint answers, in JSON or signed (OIDC Core, 5.3.2)."""
        url = self._endpoint("userinfo_endpoint")
        if self.settings.userinfo_bearer == "body":
            form = {"access_token": access_token}
            answer = self.http.post(url, form=form, hearsay=hearsay)
        else:
            headers = {"Authorization": f"Bearer {access_token}"}
            answer = self.http.get(url, headers=headers, hearsay=hearsay)
        if answer.status in {400, 401, 403}:
            raise InvalidGrant("The userinfo endpoint refuses the access token.")
        media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if answer.status == 200 and media_type == "application/jwt":
            return self._signed_userinfo(SignedToken(answer.text.strip()))
        return answer.json_object("The userinfo endpoint")

    def _signed_userinfo(self, token: SignedToken) -> dict[str, Any]:
        """Verify signed userinfo; what it says of issuer, audience and time must hold."""
        now, leeway = self.clock(), self.settings.leeway
        claims = self.signed_claims(token, "jwt", asker=LOGIN)
        if "iss" in claims:
            checks.issuer(claims, self.settings.issuer)
        if "aud" in claims and self.settings.client_id not in checks.audiences(claims):
            raise InvalidGrant("The userinfo is for another client.")
        if "exp" in claims:
            checks.expiry(claims, now, leeway)
        checks.not_before(claims, now, leeway)
        return claims

    def _endpoint(self, name: str) -> str:
        url = self.upstream.metadata().endpoint(name)
        if not url:
            raise TemporarilyUnavailable(f"The identity provider has no {name}.")
        return url
