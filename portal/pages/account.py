"""The account pages: profile, sessions, ways in."""

from typing import Any, cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.errors import ProtocolError
from accounts.factors import second_step
from accounts.middleware import leaves_by
from accounts.models import Identity, Source, StoredSession, User
from accounts.provider import Introduces
from accounts.session import administrators, farewell, people
from accounts.session.typed import Session
from accounts.source import catalogue, groups
from accounts.telling import tell
from portal.door import answers, incoming, leaving, proving, signing_in, ways_in
from portal.door.user_agents import device_name

# Of somebody with more sessions those that were used last are shown.
MOST_SHOWN = 100


@require_safe
def profile(request: HttpRequest) -> HttpResponse:
    """Show who is signed in, and how."""
    session, person = incoming.session_of(request), cast(User, request.user)
    context = {
        "person": person,
        "source_label": catalogue.label_of(session.source),
        "introduced": _introduced(person, session),
        "has_password": person.has_usable_password(),
        "here": "profile",
    }
    return answers.page(request, "account/profile.html", context)


@require_http_methods(["GET", "POST"])
@leaves_by(lambda request: request.POST.get("end") == incoming.session_of(request).uid)
def sessions(request: HttpRequest) -> HttpResponse:
    """List the person's own sessions; end one, or all the others."""
    current, person_id = incoming.session_of(request), incoming.person_id(request)
    if request.method == "POST":
        ending = request.POST.get("end", "").replace("\0", "")  # which PostgreSQL cannot store
        if ending == current.uid:
            return leaving.leave_at_least_here(request)
        if ending == "others":
            people.end_others(person_id, current, incoming.visit(request))
            messages.success(request, _("You are signed out everywhere else."))
        elif people.end_one(person_id, ending, incoming.visit(request)):
            messages.success(request, _("That device is signed out."))
        else:
            return answers.over_already(request, "/account/sessions")
        return answers.see_other("/account/sessions")
    labels = {ready.slug: ready.label for ready in catalogue.enabled()}
    alive = people.sessions_of(person_id).filter(expire_date__gt=timezone.now())
    found = list(alive.defer("session_data")[: MOST_SHOWN + 1])
    rows = [_row(each, labels, current.uid) for each in found[:MOST_SHOWN]]
    context = {
        "rows": rows,
        "most": MOST_SHOWN if len(found) > MOST_SHOWN else 0,
        "browsers": [row for row in rows if row["session"].kind == StoredSession.Kind.BROWSER],
        "apart": [row for row in rows if row["session"].kind == StoredSession.Kind.CLIENT],
        "here": "sessions",
    }
    return answers.page(request, "account/sessions.html", context)


@require_http_methods(["GET", "POST"])
def sign_ins(request: HttpRequest) -> HttpResponse:
    """List the ways in that are linked to the person; link another, unlink one."""
    person_id = incoming.person_id(request)
    if request.method == "POST":
        return _change_sign_ins(request, person_id)
    identities = Identity.objects.filter(user_id=person_id).select_related("source", "user")
    session, kept = incoming.session_of(request), administrators.only_way_in()
    rows = [
        {
            "pk": each.pk,
            "label": catalogue.label_of(each.source.slug),
            "since": each.created_at,
            "current": _is_current(each, session),
            "kept": each.pk == kept,
            "owed": not _may_lift(request) and groups.lifts_duty(each),
        }
        for each in identities
    ]
    linked = {each.source.slug for each in identities}
    linkable = [
        {"slug": each.slug, "label": each.label, "icon": each.description.icon}
        for each in catalogue.enabled()
        if each.slug not in linked and each.kind == "redirect"
    ]
    context = {"rows": rows, "linkable": linkable, "here": "sign-ins"}
    context["has_passkeys"] = Source.LOCAL in linked
    context["has_second_step"] = second_step.is_of_use(cast(User, request.user))
    context["hindrance"] = ways_in.hindrance(request)
    return answers.page(request, "account/sign_ins.html", context)


def _change_sign_ins(request: HttpRequest, person_id: int) -> HttpResponse:
    """Link or unlink, only soon after a sign-in, which took the second factor of who has one; else
    the person signs in again first.
    """
    session = incoming.session_of(request)
    wanted = ways_in.proof_of(cast(User, request.user))
    held_up = ways_in.refused(request, "/account/sign-ins")
    again = held_up or proving.prove_again(request, "/account/sign-ins", wanted)
    if again:
        return again
    if "link" in request.POST:
        source = incoming.source_or_404(request.POST["link"])
        try:
            return signing_in.begin(request, source, "/account/sign-ins", link_uid=session.uid)
        except ProtocolError as error:
            return answers.fail(request, error, source.slug, linking=True)
    return _unlink(request, person_id)


def _unlink(request: HttpRequest, person_id: int) -> HttpResponse:
    key = request.POST.get("unlink", "")
    mine = Identity.objects.filter(user_id=person_id).select_related("source", "user")
    identity = mine.filter(pk=int(key) if key.isdecimal() and len(key) < 18 else 0).first()
    if identity is None:
        return answers.over_already(request, "/account/sign-ins")
    if mine.count() < 2 or _is_current(identity, incoming.session_of(request)):
        raise Http404
    slug = identity.source.slug
    try:
        with administrators.kept():
            people.unlink(identity, farewell.ELSEWHERE, may_lift=_may_lift(request))
            tell("identity.unlinked", identity.user, incoming.visit(request), source=slug)
    except administrators.LastAdministratorError:
        raise Http404 from None
    except groups.DutyError:  # the page says so
        return answers.see_other("/account/sign-ins")
    messages.success(request, _("Removed. Nobody can sign in to this account that way any more."))
    return answers.see_other("/account/sign-ins")


def _may_lift(request: HttpRequest) -> bool:
    """Tell whether whoever is signed in may lift a duty that they are under by a group."""
    return bool(cast(User, request.user).is_superuser)


def _is_current(identity: Identity, session: Any) -> bool:
    here = {(session.source, issuer, session.subject) for issuer in (session.issuer, "")}
    return (identity.source.slug, identity.issuer, identity.subject) in here


def _row(each: StoredSession, labels: dict[str, str], current: str) -> dict[str, Any]:
    return {
        "session": each,
        "source_label": labels.get(each.source, each.source),
        "device": device_name(each.user_agent),
        "current": each.uid == current,
    }


def _introduced(person: User, session: Session) -> list[tuple[str, str]]:
    """Return what is known of somebody without a name, in the words of their source."""
    source = catalogue.of_session(session.source)
    if person.name or source is None:
        return []
    if isinstance(source.provider, Introduces):
        return source.provider.introduce(session.claims)
    mine = not person.has_usable_password() and session.username != person.username
    return [(_("Username"), session.username)] if mine and session.username else []
