"""The live self-test of a source, for operators. Asks the provider afresh, past every copy.

A provider that builds on this one has other settings: a fix names those that there are.
"""

from collections.abc import Collection, Iterator
from urllib.parse import SplitResult, urlsplit

from django.utils.translation import gettext as _

from accounts.errors import TemporarilyUnavailable
from accounts.http import advice_on_certificate, in_words
from accounts.provider import Finding, SourceRef, verdict
from providers.oidc import discovery, jose, registration
from providers.oidc.client import OidcClient
from providers.oidc.discovery import Metadata, Upstream
from providers.oidc.settings import OidcSettings

_AUTH_METHODS = {"basic": "client_secret_basic", "post": "client_secret_post", "none": "none"}


def findings(source: SourceRef, client: OidcClient, names: Collection[str]) -> Iterator[Finding]:
    """Yield a finding for each thing that a login needs. `names` are the provider's settings."""
    settings, upstream = client.settings, client.upstream
    yield _redirect_uri(source)
    try:
        document = upstream.fetch_document()
    except TemporarilyUnavailable as error:
        yield Finding(
            False,
            _("The discovery document cannot be read: %s") % in_words(error),
            advice_on_certificate(error)
            or _("Open <issuer>/.well-known/openid-configuration and correct issuer."),
        )
        return
    yield verdict(
        document.get("issuer") == settings.issuer,
        _("The discovery document names this issuer."),
        _("The discovery document names another issuer."),
        _("Write issuer exactly as the provider does, including a slash at the end."),
    )
    try:
        known = discovery.read(settings, document)
    except TemporarilyUnavailable as error:
        yield Finding(
            False,
            _("The discovery document cannot be used: %s") % in_words(error),
            _("Name the right addresses in endpoints, or ask the provider to correct them.")
            if "endpoints" in names
            else _("Ask the provider to correct its discovery document."),
        )
        return
    yield _protected(urlsplit(known.endpoint("token_endpoint")))
    yield _keys(settings, upstream, known, names)
    yield from _offered(settings, known, names)
    yield from registration.findings(source, client, known, names)


def _protected(token: SplitResult) -> Finding:
    """Our secret goes there: by https, unless it does not leave this machine."""
    if token.scheme == "http" and token.hostname in {"127.0.0.1", "::1", "localhost"}:
        return Finding(True, _("The token endpoint is on this machine."))
    return verdict(
        token.scheme == "https",
        _("The token endpoint is protected by https."),
        _("The token endpoint is not protected by https."),
        _("Use this provider for trials only, or give it a certificate."),
    )


def _redirect_uri(source: SourceRef) -> Finding:
    parts = urlsplit(source.redirect_uri)
    message = _("The redirect URI of this source is %s.") % source.redirect_uri
    usable = parts.scheme == "https" or parts.hostname in {"localhost", "127.0.0.1", "::1"}
    return verdict(usable, message, message, _("Set VESTIBULE_SITE_URL to an https address."))


def _keys(
    settings: OidcSettings, upstream: Upstream, known: Metadata, names: Collection[str]
) -> Finding:
    try:
        keys = jose.read_keys(upstream.fetch_keys(known.endpoint("jwks_uri")))
        usable = keys.usable(settings.algorithms)
        problem = _("None of the provider's keys can be used.")
    except TemporarilyUnavailable as error:
        usable, problem = 0, _("The keys cannot be read: %s") % in_words(error)
    return verdict(
        usable,
        _("Keys that can be used: %d") % usable,
        problem,
        _("Compare endpoints and algorithms with what the provider publishes.")
        if "algorithms" in names
        else _("Ask the provider to correct the keys that it publishes."),
    )


def _offered(settings: OidcSettings, known: Metadata, names: Collection[str]) -> Iterator[Finding]:
    """Compare what the provider supports with what the settings want."""
    offered = known.supported("id_token_signing_alg_values_supported")
    shared = [each for each in settings.algorithms if offered is None or each in offered]
    yield verdict(
        shared,
        _("Signatures are accepted by: %s") % ", ".join(shared),
        _("The provider signs by none of the algorithms that are accepted here."),
        _("Have the provider sign id_tokens by one of: %s") % ", ".join(settings.algorithms),
    )
    challenges = known.supported("code_challenge_methods_supported")
    unsaid = _("PKCE is sent; the provider does not say if it checks.")
    yield verdict(
        challenges is None or "S256" in challenges,
        unsaid if challenges is None else _("The provider checks PKCE."),
        _("The provider does not know PKCE with S256."),
        _("Switch on PKCE with S256 at the provider."),
    )
    method = _AUTH_METHODS[settings.authenticates_by]
    methods = known.supported("token_endpoint_auth_methods_supported")
    yield verdict(
        methods is None or method in methods,
        _("Our client authenticates by %s.") % method,
        _("The provider does not offer %s, by which our client authenticates.") % method,
        _("Set client_auth to one of what it offers: %s") % ", ".join(methods or ())
        if "client_auth" in names
        else _("Ask the provider to offer it to our client."),
    )
    ends = known.endpoint("end_session_endpoint")
    here = _("The provider offers no logout: leaving ends it here only.")
    yield Finding(True, _("Leaving here ends the session at the provider too.") if ends else here)
