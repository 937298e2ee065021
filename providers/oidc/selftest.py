"""The live self-test of a source, for operators. Asks the provider afresh, past every copy."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from accounts.errors import TemporarilyUnavailable
from accounts.provider import Finding, SourceRef
from providers.oidc import discovery, jwks
from providers.oidc.discovery import Metadata, Upstream
from providers.oidc.settings import OidcSettings

_AUTH_METHODS = {"basic": "client_secret_basic", "post": "client_secret_post", "none": "none"}


def findings(source: SourceRef, settings: OidcSettings, upstream: Upstream) -> Iterator[Finding]:
    """Yield a finding for each thing that a login needs, as far as it can be found out."""
    yield _redirect_uri(source)
    try:
        document = upstream.fetch_document()
    except TemporarilyUnavailable as error:
        yield Finding(
            ok=False,
            message=_("The discovery document cannot be read: %s") % error.description,
            fix=_("Open <issuer>/.well-known/openid-configuration and correct issuer."),
        )
        return
    yield _issuer(settings, document)
    try:
        known = discovery.read(settings, document)
    except TemporarilyUnavailable as error:
        yield Finding(
            ok=False,
            message=_("The discovery document cannot be used: %s") % error.description,
            fix=_("Name the right addresses in endpoints, or ask the provider to correct them."),
        )
        return
    yield _https(known)
    yield _keys(settings, upstream, known)
    yield _algorithms(settings, known)
    yield _pkce(known)
    yield _client_auth(settings, known)
    yield _way_out(known)


def _redirect_uri(source: SourceRef) -> Finding:
    parts = urlsplit(source.redirect_uri)
    message = _("Register this redirect URI: %s") % source.redirect_uri
    if parts.scheme == "https" or parts.hostname in {"localhost", "127.0.0.1", "::1"}:
        return Finding(ok=True, message=message)
    return Finding(ok=False, message=message, fix=_("Set VESTIBULE_SITE_URL to an https address."))


def _issuer(settings: OidcSettings, document: object) -> Finding:
    named = document.get("issuer") if isinstance(document, dict) else None
    if named == settings.issuer:
        return Finding(ok=True, message=_("The discovery document names this issuer."))
    return Finding(
        ok=False,
        message=_("The discovery document names another issuer."),
        fix=_("Write issuer exactly as the provider does, including a slash at the end."),
    )


def _https(known: Metadata) -> Finding:
    if known.endpoint("token_endpoint").startswith("https://"):
        return Finding(ok=True, message=_("The token endpoint is protected by https."))
    return Finding(
        ok=False,
        message=_("The token endpoint is not protected by https."),
        fix=_("Use this provider for trials only, or give it a certificate."),
    )


def _keys(settings: OidcSettings, upstream: Upstream, known: Metadata) -> Finding:
    try:
        usable = jwks.read(upstream.fetch_keys(known.endpoint("jwks_uri"))).usable(
            settings.algorithms
        )
        problem = _("None of the provider's keys can be used.")
    except TemporarilyUnavailable as error:
        usable, problem = 0, _("The keys cannot be read: %s") % error.description
    if usable:
        return Finding(ok=True, message=_("Keys that can be used: %d") % usable)
    fix = _("Compare jwks_uri and algorithms with what the provider publishes.")
    return Finding(ok=False, message=problem, fix=fix)


def _algorithms(settings: OidcSettings, known: Metadata) -> Finding:
    offered = known.supported("id_token_signing_alg_values_supported")
    shared = [each for each in settings.algorithms if offered is None or each in offered]
    if shared:
        return Finding(ok=True, message=_("Signatures are accepted by: %s") % ", ".join(shared))
    return Finding(
        ok=False,
        message=_("The provider signs by none of the algorithms that are accepted here."),
        fix=_("Have the provider sign id_tokens by one of: %s") % ", ".join(settings.algorithms),
    )


def _pkce(known: Metadata) -> Finding:
    methods = known.supported("code_challenge_methods_supported")
    if methods is None:
        return Finding(ok=True, message=_("PKCE is sent; the provider does not say if it checks."))
    if "S256" in methods:
        return Finding(ok=True, message=_("The provider checks PKCE."))
    return Finding(
        ok=False,
        message=_("The provider does not know PKCE with S256."),
        fix=_("Switch on PKCE with S256 at the provider."),
    )


def _client_auth(settings: OidcSettings, known: Metadata) -> Finding:
    method = _AUTH_METHODS[settings.authenticates_by]
    offered = known.supported("token_endpoint_auth_methods_supported")
    if offered is None or method in offered:
        return Finding(ok=True, message=_("Our client authenticates by %s.") % method)
    return Finding(
        ok=False,
        message=_("The provider does not offer %s, by which our client authenticates.") % method,
        fix=_("Set client_auth to one of what it offers: %s") % ", ".join(offered),
    )


def _way_out(known: Metadata) -> Finding:
    if known.endpoint("end_session_endpoint"):
        return Finding(ok=True, message=_("Leaving here ends the session at the provider too."))
    return Finding(ok=True, message=_("The provider offers no logout: leaving ends it here only."))
