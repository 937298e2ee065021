"""A refusal, for the person who reads it and for the trail (docs/gateway.md 2)."""

from collections.abc import Mapping
from typing import Any

from django.template import loader
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation.trans_real import parse_accept_lang_header
from limits import RateLimitItemPerMinute

from accounts import conf, events
from accounts.errors import InsufficientUserAuthentication, TooManyRequests
from accounts.login import lockout
from accounts.models import User
from accounts.provider import Visit
from portal import conf as portal_conf
from portal.door import incoming
from portal.gateway.decision import AWAITING, Forbidden, Unauthorized, Who
from portal.gateway.forwarded import Forwarded

# Of one session so many refusals are recorded; a page with many pictures is refused as often.
_RECORDED = RateLimitItemPerMinute(20, 5, namespace="gateway")


def record(decision: Forbidden, who: Who, asked: Forwarded, visit: Visit) -> str:
    """Write the event of a refusal. Returns its support code; nothing for strangers, who must not
    fill the trail, and beyond what one session may have written.
    """
    if not who.session.is_logged_in:
        return ""
    try:
        lockout.spend(_RECORDED, who.session.uid)
    except TooManyRequests:
        return ""
    code = events.new_support_code()
    rules = ", ".join(rule.slug for rule in decision.rules) or "-"
    path = incoming.beginning_of(asked.target.partition("?")[0])
    refused = events.event(
        "gateway.refused",
        visit,
        reason=decision.why,
        source=who.session.source,
        session_type=who.session.type,
        session_uid=who.session.uid[:32],
        user=User.objects.filter(uid=who.uid).first(),
        support_code=code,
        detail=f"{rules}: {asked.method} {asked.host}{path}",
    )
    events.record(refused)
    return code


def page(decision: Forbidden, who: Who, code: str, headers: Mapping[str, str]) -> bytes:
    """Return the page for a browser that sent these `headers`. It is shown at the application's
    address, so what it links to is absolute.
    """
    with translation.override(_spoken(headers.get("accept-language", ""))):
        text = loader.render_to_string("gateway/refused.html", _context(decision, who, code))
    return text.encode()


def form_page(decision: Unauthorized, headers: Mapping[str, str]) -> bytes:
    """Return the page for a person who has sent a form and is not signed in: how to send it again.

    It stands at the address of the form, which a browser sends once more when the page is reloaded.
    """
    with translation.override(_spoken(headers.get("accept-language", ""))):
        text = loader.render_to_string("gateway/form.html", _of_form(decision))
    return text.encode()


def trouble_page(asked: Forwarded | None, headers: Mapping[str, str]) -> bytes:
    """Return the page for a browser while the database cannot be asked."""
    context = {"asked": asked, "site": conf.site_url(), "institution": portal_conf.institution()}
    with translation.override(_spoken(headers.get("accept-language", ""))):
        return loader.render_to_string("gateway/trouble.html", context).encode()


def policy(*, framed: bool = False) -> str:
    """Return the content policy of a page (CSP 3): nothing but this site's style sheets. `framed`:
    whoever could frame the application may frame the page.
    """
    only = f"default-src 'none'; style-src {conf.site_url()}; base-uri 'none'"
    return only if framed else f"{only}; frame-ancestors 'none'"


def _of_form(decision: Unauthorized) -> dict[str, Any]:
    is_in = isinstance(decision.error, InsufficientUserAuthentication)
    return {
        "is_signed_in": is_in,
        "location": decision.location,
        "site": conf.site_url(),
        "institution": portal_conf.institution(),
    }


def _context(decision: Forbidden, who: Who, code: str) -> dict[str, Any]:
    if decision.why == AWAITING:
        sentence = _("An administrator must give you access first.")
        advice = _("You need not sign in again then; just come back.")
    elif who.session.is_logged_in:
        sentence = _("You are signed in, but this application is not open to you.")
        advice = _("If you need it for your work or your studies, ask to be given access.")
    else:
        sentence = _("Nobody may come in here.")
        advice = _("Check the address. If it is right, tell those who run the application.")
    return {
        "sentence": sentence,
        "advice": advice,
        "code": code,
        "is_signed_in": who.session.is_logged_in,
        "site": conf.site_url(),
        "institution": portal_conf.institution(),
    }


def _spoken(languages: str) -> str:
    """Return the first language that the browser prefers and the pages speak."""
    known = portal_conf.languages()
    for language, _weight in parse_accept_lang_header(languages[:200].lower()):
        if language.partition("-")[0] in known:
            return language.partition("-")[0]
    return portal_conf.language()
