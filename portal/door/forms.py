"""The form of a source: its page, and the wish to link that travels in it.

There is no flow: a password is verified where it is posted. The page carries where its person goes
on to, which is judged anew when it comes back, and the sealed wish to link another way in.
"""

from collections.abc import Mapping
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts import conf
from accounts.errors import EXPIRED, InvalidGrant
from accounts.factors import ceremony
from accounts.keyring import Unreadable, seal, unseal
from accounts.login import proof
from accounts.models import Source
from accounts.provider import Authentication
from accounts.source.catalogue import ConfiguredSource
from portal.door import answers, devices, incoming, routes, shared, wishes
from portal.door.destinations import place_of

LINK = "link"


def context_of(
    source: ConfiguredSource,
    next_url: str,
    link: str = "",
    name: str = "",
    wished: Mapping[str, str] | None = None,
) -> dict[str, object]:
    """Return what `login/_fields.html` shows of a source: its form, filled in with `name`, and what
    the form carries: of what is `wished`, how strong the sign-in shall be.
    """
    return {
        "slug": source.slug,
        "label": source.label,
        "help": source.help,
        "prompt": source.form.prompt(),
        "action": f"/auth/login/{source.slug}",
        "next": next_url,
        "link": link,
        "demand": (wished or {}).get(wishes.STRENGTH, ""),
        "acr_values": (wished or {}).get("acr_values", ""),
        "values": {source.form.prompt().identifier: name},
        "passkeys": ceremony.origin() if passkeys_count(source) else "",
    }


def passkeys_count(source: ConfiguredSource) -> bool:
    """Tell whether people sign in by passkeys beside the form of a source: its own."""
    return source.slug == Source.LOCAL and ceremony.is_possible()


def page(
    request: HttpRequest,
    source: ConfiguredSource,
    next_url: str,
    link: str = "",
    problem: Mapping[str, str] | None = None,
    status: int = 200,
    *,
    again: bool = False,
) -> HttpResponse:
    """Return the page with the form of a source. `link` comes of `seal_link`.

    `again` says why somebody who is signed in is asked, and fills in the name that they have there,
    unless an application believes that it is another.
    """
    own = _own_name(request, source) if again else ""
    name = identifier_of(request, source) or hint_of(request) or own
    demand = wishes.demanded(request, None)
    level = demand.word if demand else ""
    wished = {wishes.STRENGTH: level, "acr_values": wishes.posted(request)}
    context = context_of(source, next_url, link, name, wished)
    context["choose"] = routes.choose_url(next_url, **wishes.carried(request))
    context["again"] = again
    context["bound_for"] = place_of(next_url)
    context["problem"] = problem
    context["announcements"] = answers.announcements()
    if request.method == "POST":
        context["page_address"] = _address(request, source, next_url, link, again=again)
    if not link and not again:
        context["shared_computer"] = shared.box(request)
    return answers.page(request, "login/form.html", context, status)


def _address(
    request: HttpRequest, source: ConfiguredSource, next_url: str, link: str, *, again: bool
) -> str:
    """Return the address of what was posted, where it can be asked for in another language."""
    if link:
        return "/account/sign-ins"
    along = {"next": next_url, "again": "1" if again else "", **wishes.carried(request)}
    return routes.login_path(source.slug, **along)


def _own_name(request: HttpRequest, source: ConfiguredSource) -> str:
    """Return the name that whoever is signed in types into the form of the local source; nothing
    for another, which may know them by several that are not kept.
    """
    here = {source.slug, incoming.session_of(request).source}
    return str(request.user.get_username()) if here == {Source.LOCAL} else ""


def verify(request: HttpRequest, source: ConfiguredSource) -> Authentication:
    """Return who the posted fields of the form prove to be. Raises what `verify_form` raises."""
    names = [field.name for field in source.form.prompt().fields]
    posted = {name: request.POST.get(name, "") for name in names}
    device = devices.known(request, source.slug, identifier_of(request, source))
    return proof.verify_form(source, posted, incoming.visit(request), device)


def hint_of(request: HttpRequest) -> str:
    """Return the name that an application believes the person has (OIDC Core, 3.1.2.1)."""
    return wishes.of(request).get("login_hint", "")[:150]


def identifier_of(request: HttpRequest, source: ConfiguredSource) -> str:
    """Return the name that was typed into the form of a source."""
    return request.POST.get(source.form.prompt().identifier, "")[:150]


def seal_link(source: ConfiguredSource, session_uid: str) -> str:
    """Return the sealed wish of a session to link `source` to its person."""
    return seal([session_uid, timezone.now().isoformat()], LINK, source.slug)


def wishes_to_link(request: HttpRequest, source: ConfiguredSource) -> bool:
    """Tell whether a posted form carries the wish to link, however old."""
    return _link_of(request, source) is not None


def linking_session(request: HttpRequest, source: ConfiguredSource) -> str:
    """Return the uid of the session that wishes to link, nothing for a sign-in.

    Raises `InvalidGrant` for a wish that is too old, or another session's: linking changes an
    account, while an old form may still sign in.
    """
    found = _link_of(request, source)
    if found is None:
        return ""
    session_uid, asked_at = found
    if timezone.now() - asked_at > conf.flow_lifetime():
        raise InvalidGrant("The form is too old.", reason=EXPIRED)
    check_asking(request, session_uid)
    return session_uid


def check_asking(request: HttpRequest, session_uid: str) -> None:
    """Raise `InvalidGrant` unless the session of the request asked to link another way in.

    Else a flow that was planted in a victim's browser would link the victim's identity to whoever
    planted it (RFC 9700, 4.7).
    """
    if incoming.session_of(request).uid != session_uid:
        raise InvalidGrant("Another session asked to link this way in.", reason=EXPIRED)


def _link_of(request: HttpRequest, source: ConfiguredSource) -> tuple[str, datetime] | None:
    try:
        session_uid, asked_at = unseal(request.POST.get(LINK, ""), LINK, source.slug)
        return str(session_uid), datetime.fromisoformat(asked_at)
    except (Unreadable, TypeError, ValueError):
        return None
