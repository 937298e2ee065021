"""What an operator may say of an OpenID provider."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from django.utils.translation import gettext as _

from accounts.provider.marks import CLAIMS, TRUSTED, WORDS
from accounts.provider.shown import Shown
from accounts.strength import levels
from accounts.upstream import urls
from providers.oidc.form import LONGEST_ISSUER, SHOWN

ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA"),
)
NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")
ENDPOINTS = (
    *NEEDED,
    "userinfo_endpoint",
    "end_session_endpoint",
    "revocation_endpoint",
    "introspection_endpoint",
)
MAPPED = ("name", "username", "email", "email_verified", "groups", "roles")
_SECONDS = re.compile(r"[0-9]{1,9}")
# What each request has of its own, and no operator may fix for all of them.
_RESERVED = {
    *("client_id", "client_secret", "code_challenge", "code_challenge_method", "nonce"),
    *("redirect_uri", "request", "request_uri", "response_mode", "response_type", "scope", "state"),
}
_CHOICES = {
    "client_auth": ("", "basic", "post", "none"),
    "response_mode": ("query", "form_post"),
    "userinfo": ("auto", "on", "off"),
    "userinfo_bearer": ("header", "body"),
    "bearer_validation": ("local", "introspection", "userinfo"),
    "audience_claim": ("aud", "client_id"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OidcSettings:
    """An OpenID provider and our registration there. Only `issuer` and `client_id` are needed.

    `client_auth`: basic, post or none (RFC 6749, 2.3.1); empty is basic with a secret, else none.
    `authorize`: more parameters for the authorization request. `discover` off takes all from
    `endpoints`, which otherwise override the discovery document. `leeway` is in seconds.
    `trusted_audiences` may stand beside us in an id_token's `aud`.
    `claims` says where `name`, `username`, `email`, `email_verified`, `groups` and `roles` stand,
    as a claim or a path such as `realm_access.roles`; roles are told as groups. `public` lists the
    claims that the session shows. `required_role` must stand at `required_role_claim`.
    `strengths` says which of the provider's words mean `low`, `substantial`, `high` or `none`; they
    stand at `strength_claim` (docs/strength.md 2).
    `accept_bearer` lets this provider's access tokens in when they are for one of `audience`
    (our client when empty). `revoke`: a logout without a browser revokes the tokens upstream.
    `backchannel_logout`, `frontchannel_logout`: the provider may end sessions here, by its signed
    token or by a page that it frames. `logout_without_exp`: its logout tokens have no `exp`, and
    count for two minutes.
    `logout` adds parameters to the logout address, `logout_names` renames ours; an empty name
    leaves one out.
    `inside`: calls may reach addresses inside our own net.
    """

    shown: ClassVar[Mapping[str, Shown]] = SHOWN

    issuer: str = field(metadata=TRUSTED)
    client_id: str = field(metadata=TRUSTED)
    client_secret: str = field(default="", metadata={"secret": True}, repr=False)
    client_auth: str = ""
    scope: str = field(default="openid profile email", metadata=WORDS)
    authorize: Mapping[str, str] = field(default_factory=dict, metadata=WORDS)
    response_mode: str = "query"
    discover: bool = field(default=True, metadata=TRUSTED)
    endpoints: Mapping[str, str] = field(default_factory=dict, metadata=TRUSTED)
    algorithms: tuple[str, ...] = ("RS256", "PS256", "ES256", "EdDSA")
    leeway: int = 30
    trusted_audiences: tuple[str, ...] = field(default=(), metadata=WORDS)
    userinfo: str = "auto"
    userinfo_bearer: str = "header"
    claims: Mapping[str, str] = field(default_factory=dict, metadata=CLAIMS)
    public: tuple[str, ...] = field(default=(), metadata=WORDS)
    required_role_claim: str = field(default="", metadata=WORDS)
    required_role: str = field(default="", metadata=WORDS)
    required_acr: tuple[str, ...] = field(default=(), metadata=WORDS)
    strengths: Mapping[str, str] = field(default_factory=dict, metadata=WORDS)
    strength_claim: str = field(default="acr", metadata=WORDS)
    verified_mail_only: bool = False
    allowed_groups: tuple[str, ...] = field(default=(), metadata=WORDS)
    accept_bearer: bool = field(default=False, metadata=TRUSTED)
    bearer_validation: str = field(default="local", metadata=TRUSTED)
    audience: tuple[str, ...] = field(default=(), metadata=TRUSTED)
    audience_claim: str = field(default="aud", metadata=TRUSTED)
    revoke: bool = True
    backchannel_logout: bool = True
    frontchannel_logout: bool = True
    logout_without_exp: bool = False
    logout: Mapping[str, str] = field(default_factory=dict)
    logout_names: Mapping[str, str] = field(default_factory=dict)
    label: str = ""
    help: str = ""
    icon: str = "key"
    inside: bool = False

    def __post_init__(self) -> None:
        """Raise `ValueError` that names the first wrong field and what it should be."""
        for problem in problems(self):
            raise ValueError(problem)

    @property
    def authenticates_by(self) -> str:
        """How our client proves itself at the token endpoint: basic, post or none."""
        return self.client_auth or ("basic" if self.client_secret else "none")


def problems(settings: OidcSettings) -> Iterator[str]:
    """Say what is wrong with settings, a sentence for each field; nothing when all is well."""
    yield from _url_problems(settings)
    yield from _client_problems(settings)
    for name, allowed in _CHOICES.items():
        if getattr(settings, name) not in allowed:
            yield _("%s must be one of: %s") % (name, ", ".join(filter(None, allowed)))
    if not settings.algorithms or not set(settings.algorithms) <= set(ALGORITHMS):
        yield _("%s must be some of: %s") % ("algorithms", ", ".join(ALGORITHMS))
    if not 0 <= settings.leeway <= 300:
        yield _("leeway must be between 0 and 300 seconds")
    yield from _mapping_problems(settings)
    if bool(settings.required_role) != bool(settings.required_role_claim):
        yield _("required_role and required_role_claim must be given together")
    if settings.allowed_groups and not {"groups", "roles"} & set(settings.claims):
        yield _("allowed_groups needs claims to say where groups or roles stand")


def _url_problems(settings: OidcSettings) -> Iterator[str]:
    if wrong := urls.fault(settings.issuer):
        yield f"issuer {wrong}"
    elif "?" in settings.issuer:
        yield _("issuer must not have a query")
    elif len(settings.issuer) > LONGEST_ISSUER:
        yield _("issuer must not be longer than 500 characters")
    for name, url in settings.endpoints.items():
        if name not in ENDPOINTS:
            yield _("endpoints may only name: %s") % ", ".join(ENDPOINTS)
        elif wrong := urls.fault(url):
            yield f"endpoints.{name} {wrong}"
    if not settings.discover and not set(NEEDED) <= set(settings.endpoints):
        yield _("endpoints must name %s when discover is off") % ", ".join(NEEDED)


def _client_problems(settings: OidcSettings) -> Iterator[str]:
    if not settings.client_id or not settings.client_id.isprintable():
        yield _("client_id must be the name under which the provider knows this site")
    if settings.client_auth in {"basic", "post"} and not settings.client_secret:
        yield _("client_secret is needed when client_auth is basic or post")
    if settings.client_auth == "none" and settings.client_secret:
        yield _("client_secret must be left out when client_auth is none")
    if "openid" not in settings.scope.split():
        yield _("scope must contain openid")


def _mapping_problems(settings: OidcSettings) -> Iterator[str]:
    for name in ("authorize", "logout", "logout_names", "claims", "strengths"):
        if not all(isinstance(value, str) for value in getattr(settings, name).values()):
            yield _("%s must hold texts only") % name
    if taken := sorted(_RESERVED & set(settings.authorize)):
        yield _("authorize must not name %s") % ", ".join(taken)
    if not _SECONDS.fullmatch(settings.authorize.get("max_age", "0")):
        yield _("authorize.max_age must be a number of seconds, of nine digits at most")
    if wrong := ", ".join(levels.problems(settings.strengths)):
        yield _("strengths may only mean low, substantial, high or none: %s") % wrong
    if not settings.strength_claim:
        yield _("strength_claim must name a claim, such as acr")
    if not set(settings.claims) <= set(MAPPED):
        yield _("claims may only name: %s") % ", ".join(MAPPED)
