"""The live self-test of what is Unilogin's own, for operators."""

import time
from collections.abc import Iterator

from django.utils.translation import gettext as _

from accounts.errors import TemporarilyUnavailable
from accounts.http import advice_on_certificate, in_words
from accounts.provider import Finding, verdict
from providers.oidc import discovery
from providers.oidc.discovery import Upstream
from providers.unilogin import institutions, kommuner
from providers.unilogin.institution_service import SECONDS, CredentialsRefused, InstitutionService
from providers.unilogin.settings import UniloginSettings

# The institution that Unilogin keeps for tests. Any answer about it shows that we may ask.
_PROBE = "A04441"
_NEEDED = ("introspection_endpoint", "userinfo_endpoint", "end_session_endpoint")


def findings(
    settings: UniloginSettings, upstream: Upstream, service: InstitutionService
) -> Iterator[Finding]:
    """Yield a finding for each thing that a sign-in needs beside OpenID Connect."""
    yield from _endpoints(settings, upstream)
    yield _service(service)
    numbers = [each for each in map(institutions.municipality, settings.municipalities) if each]
    named = ", ".join(numbers)
    yield verdict(
        named,
        _("Schools of these municipalities come in: %s") % named,
        _("Only test institutions come in."),
        _("Name the numbers of your municipalities in municipalities."),
    )
    if unknown := [each for each in numbers if each not in kommuner.NUMBERS]:
        yield Finding(
            False,
            _("There is no municipality of this number: %s") % ", ".join(unknown),
            _("Correct municipalities: each is a kommunenr, such as 101 for København."),
        )
    if settings.test_institutions:
        yield Finding(
            False,
            _("Test institutions come in: %s") % ", ".join(settings.test_institutions),
            _("Take test_institutions away in production."),
        )


def _endpoints(settings: UniloginSettings, upstream: Upstream) -> Iterator[Finding]:
    try:
        known = discovery.read(settings.as_oidc(), upstream.fetch_document())
    except TemporarilyUnavailable:
        return  # the self-test of OpenID Connect has said so
    fix = _("Compare issuer with the address that Unilogin gave you.")
    for name in _NEEDED:
        if not known.endpoint(name):
            yield Finding(False, _("The broker names no %s.") % name, fix)


def _service(service: InstitutionService) -> Finding:
    try:
        service.ask(_PROBE, time.monotonic() + SECONDS)
    except CredentialsRefused as error:
        return Finding(
            False,
            _("The institution service does not let us in: %s") % in_words(error),
            _("Compare ws_user and ws_password with the agreement on the web service."),
        )
    except TemporarilyUnavailable as error:
        return Finding(
            False,
            _("The institution service cannot be asked: %s") % in_words(error),
            advice_on_certificate(error)
            or _("Compare ws_address, ws_action and ws_namespace with the service's description."),
        )
    return Finding(True, _("The institution service lets us in."))
