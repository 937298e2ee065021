"""Signing in by a passkey alone: what the browser is asked for, and its answer."""

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.conf import site_url
from accounts.errors import ProtocolError
from accounts.factors import ceremony, passkeys
from accounts.models import Source, User
from accounts.source.catalogue import ConfiguredSource
from portal.door import answers, concluding, forms, incoming
from portal.door.destinations import safe_destination
from portal.passkeys import challenges

ANSWER = "credential"


@login_not_required
@require_POST
def options(request: HttpRequest) -> HttpResponse:
    """Return what the browser shall ask its authenticators for, with a challenge of its own."""
    _source()
    challenge = ceremony.new_challenge()
    response = JsonResponse(ceremony.options_to_use(challenge))
    response["Cache-Control"] = "no-store"
    challenges.give(request, response, challenge)
    return response


@login_not_required
@require_POST
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in, or prove again, by the answer of an authenticator. It ends as the form of the local
    source does; a failure has its page.
    """
    source, visit = _source(), incoming.visitor(request)
    next_url = safe_destination(request.POST.get("next"))
    try:
        link_uid = forms.linking_session(request, source)
        answer = ceremony.read(request.POST.get(ANSWER, ""))
        outcome = passkeys.authenticate(answer, challenges.of_browser(request), visit)
        response = concluding.conclude(request, source, outcome, next_url, link_uid=link_uid)
    except ProtocolError as error:
        linking = forms.wishes_to_link(request, source)
        return answers.fail(request, error, source.slug, next_url=next_url, linking=linking)
    challenges.forget(response)
    return response


@login_not_required
@require_safe
def endpoints(_request: HttpRequest) -> HttpResponse:
    """Lead a password manager to the page (W3C, "Passkey Endpoints Well-Known URL", 2)."""
    if not ceremony.is_possible():
        raise Http404
    page = f"{site_url()}/account/passkeys"
    response = JsonResponse({"enroll": page, "manage": page})
    response["Cache-Control"] = "max-age=86400"
    return response


def second_ways(person: User) -> list[dict[str, str]]:
    """Return the passkey as the second factor of who has one: a password alone sets up no other
    beside it. It is used on the choice of ways, so it has no page of its own.
    """
    return [{"label": _("Use your passkey"), "url": ""}] if passkeys.counts(person) else []


def _source() -> ConfiguredSource:
    if not ceremony.is_possible():
        raise Http404
    return incoming.source_or_404(Source.LOCAL)
