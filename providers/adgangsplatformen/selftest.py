"""What an operator is told when testing a library's CMS, with the fix for each fault."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from django.utils.translation import gettext as _

from accounts.errors import ProtocolError
from accounts.http import Client, advice_on_certificate, in_words
from accounts.http.address import origin_of
from accounts.provider import Finding, SourceRef, verdict
from providers.adgangsplatformen.client import Cms
from providers.adgangsplatformen.cookies import drupal_names
from providers.adgangsplatformen.settings import CmsSettings

CALLBACK = "/auth/callback/adgangsplatformen"
_SECONDS = 2.0
# One cookie of Drupal's among those that an answer sets, joined by commas.
_SET = re.compile(r"(?:^|, )(S?SESS[0-9a-f]{32})=")
_REDIRECTS = {301, 302, 303, 307, 308}


def findings(source: SourceRef, settings: CmsSettings, cms: Cms, http: Client) -> Iterator[Finding]:
    """Yield a finding for each thing that must be right."""
    yield _cookie_domain(source, settings)
    if settings.cookie_name:
        yield _cookie_name(settings, cms, http)
    if settings.graphql_user:
        yield from _cms_urls(cms)
    yield _callback_route(source, settings, http)
    yield from _look_ups(settings, http)


def _cookie_domain(source: SourceRef, settings: CmsSettings) -> Finding:
    """The CMS's cookie must reach us: our host is its host, or below it (docs/threats.md 2.3)."""
    ours, theirs = urlsplit(source.redirect_uri), urlsplit(settings.origin)
    own, domain = ours.hostname or "", (theirs.hostname or "").removeprefix("www.")
    if own != domain and not own.endswith(f".{domain}"):
        return Finding(
            False,
            _("The CMS's cookie cannot reach this site, which stands outside of %s.") % domain,
            _("Serve this site at or below %(domain)s, for example at go.%(domain)s.")
            % {"domain": domain},
        )
    return verdict(
        theirs.scheme != "https" or ours.scheme == "https",
        _("The CMS's cookie can reach this site."),
        _("The CMS's cookie is sent by https only, and this site is not."),
        _("Serve this site by https."),
    )


def _cookie_name(settings: CmsSettings, cms: Cms, http: Client) -> Finding:
    """The name is what the CMS's login sets, else what Drupal makes of its domain."""
    name, theirs = settings.cookie_name, _names_set(cms, http) or drupal_names(settings.origin)
    return verdict(
        name in theirs,
        _("The CMS's cookie is called %s.") % name,
        _("The CMS has no cookie called %(name)s; it may be %(theirs)s.")
        % {"name": name, "theirs": ", ".join(theirs[:2])},
        _("Correct cookie_name, or leave it empty: each cookie of Drupal's is tried then."),
    )


def _names_set(cms: Cms, http: Client) -> list[str]:
    try:
        answer = http.get(cms.fetch_urls().login, deadline=_SECONDS)
    except ProtocolError:
        return []  # said by another finding
    return _SET.findall(answer.headers.get("Set-Cookie", ""))


def _cms_urls(cms: Cms) -> Iterator[Finding]:
    try:
        known = cms.fetch_urls()
    except ProtocolError as error:
        yield Finding(
            False,
            _("The CMS does not say where its login is: %s") % in_words(error),
            advice_on_certificate(error)
            or _("Compare cms_url, graphql_user and graphql_password with the CMS's own."),
        )
        return
    fix = _("Set up Adgangsplatformen in the CMS, under OpenID Connect.")
    yield verdict(known.login, _("The CMS's login is known."), _("The CMS offers no login."), fix)
    yield verdict(
        known.logout, _("The CMS's logout is known."), _("The CMS offers no logout."), fix
    )


def _callback_route(source: SourceRef, settings: CmsSettings, http: Client) -> Finding:
    """The CMS's own route must lead to our callback, which has no other way to learn of us."""
    wanted = origin_of(source.redirect_uri) + CALLBACK
    fix = _("Set GO_DOMAIN of the CMS to this site, so that %(path)s leads to %(url)s.") % {
        "path": settings.after_login,
        "url": wanted,
    }
    try:
        answer = http.get(settings.origin + settings.after_login, deadline=_SECONDS)
    except ProtocolError as error:
        advice = advice_on_certificate(error) or fix
        return Finding(False, _("The CMS does not answer: %s") % in_words(error), advice)
    place = answer.headers.get("Location", "") if answer.status in _REDIRECTS else ""
    return verdict(
        origin_of(place) + urlsplit(place).path in {wanted, source.redirect_uri},
        _("The CMS sends people back to this site."),
        _("The CMS does not send people back to this site."),
        fix,
    )


def _look_ups(settings: CmsSettings, http: Client) -> Iterator[Finding]:
    if not settings.userinfo_url and not settings.patron_url:
        yield Finding(
            False,
            _("Nobody says who a patron is: each sign-in makes a new person here."),
            _("Set userinfo_url and subject_key, or patron_url."),
        )
    for url in filter(None, (settings.userinfo_url, settings.patron_url)):
        yield _look_up(url, http)


def _look_up(url: str, http: Client) -> Finding:
    """Without a token a service must refuse; that it does shows that it is there."""
    place = origin_of(url) + urlsplit(url).path
    try:
        there = http.get(url, deadline=_SECONDS).status in {400, 401, 403}
    except ProtocolError:
        there = False
    return verdict(
        there,
        _("%s answers, and tells nothing without a token.") % place,
        _("%s does not answer as a look-up of patrons should.") % place,
        _("Compare the address with that of the service."),
    )
