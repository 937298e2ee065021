"""The account page of passkeys: add one, see its use, give it another name, remove it."""

import json
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from accounts import errors, strength
from accounts.errors import LoginRequired, ProtocolError
from accounts.factors import ceremony, passkeys
from accounts.models import Passkey, Source, User
from accounts.session import access
from accounts.session.typed import Session
from accounts.strength import Strength
from portal import conf
from portal.door import answers, incoming, proving, ways_in
from portal.door.user_agents import device_name
from portal.passkeys import challenges

PATH = "/account/passkeys"


class _New(forms.Form):
    """The name of a new passkey, and what the script fills in."""

    label = forms.CharField(
        label=_("Name"),
        help_text=_("What you will know it by, such as: My telephone."),
        max_length=passkeys.LONGEST_LABEL,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    credential = forms.CharField(widget=forms.HiddenInput, max_length=ceremony.LONGEST_ANSWER)
    challenge = forms.CharField(widget=forms.HiddenInput, max_length=1000)


class _Name(forms.Form):
    """Another name."""

    label = forms.CharField(max_length=passkeys.LONGEST_LABEL)


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """List a person's passkeys; add or remove one, soon after a sign-in only; rename one."""
    person = cast(User, request.user)
    if request.method != "POST":
        return _show(request, person)
    held_up = ways_in.refused(request, PATH)
    if held_up:
        return held_up
    if "rename" in request.POST:
        return _rename(request, person)
    if _came_weakly(incoming.session_of(request)):
        return answers.see_other(PATH)  # which says what to do
    again = proving.prove_again(request, PATH, ways_in.proof_of(person))
    if again:
        return again
    if "remove" in request.POST:
        return _remove(request, person)
    return _add(request, person) if "credential" in request.POST else answers.see_other(PATH)


def _add(request: HttpRequest, person: User) -> HttpResponse:
    form, session = _New(request.POST), incoming.session_of(request)
    if session.shared:
        return _show(request, person, status=403)
    if not form.is_valid():
        return _show(request, person, form, 400)
    sent = form.cleaned_data
    try:
        challenge = challenges.of_session(sent["challenge"], session)
        answer = ceremony.read(sent["credential"])
        passkeys.add(session.uid, answer, challenge, sent["label"], incoming.visit(request))
    except LoginRequired:
        raise
    except ProtocolError as error:
        form.add_error(None, _sentence(error))
        return _show(request, person, form, error.status)
    messages.success(request, gettext("Added. From now on it signs you in."))
    return answers.see_other(PATH)


def _remove(request: HttpRequest, person: User) -> HttpResponse:
    if not passkeys.remove(person.pk, incoming.number(request, "remove"), incoming.visit(request)):
        return answers.over_already(request, PATH)
    said = gettext(
        "Removed. It signs nobody in any more; you may delete it on your device as well."
    )
    messages.success(request, said)
    return answers.see_other(PATH)


def _rename(request: HttpRequest, person: User) -> HttpResponse:
    form = _Name(request.POST)
    if not form.is_valid():
        return answers.see_other(PATH)  # nothing was typed: the name stays
    mine = incoming.number(request, "rename")
    if not passkeys.rename(person.pk, mine, form.cleaned_data["label"]):
        return answers.over_already(request, PATH)
    messages.success(request, gettext("The name is changed."))
    return answers.see_other(PATH)


def _sentence(error: ProtocolError) -> str:
    if isinstance(error, passkeys.TooMany):
        return gettext("You have too many of them. Remove one first.")
    if error.reason == errors.EXPIRED:
        return gettext("That took too long. Try again; it usually works at once.")
    return gettext("Your device's answer could not be used. Try again, or with another device.")


def _came_weakly(session: Session) -> bool:
    """Tell whether a session is another source's, and weaker than a passkey would make the next: so
    nobody makes a strong way in of a weak one.
    """
    return session.source != Source.LOCAL and not strength.has(session, Strength.SUBSTANTIAL)


def _show(
    request: HttpRequest, person: User, form: _New | None = None, status: int = 200
) -> HttpResponse:
    session, known = incoming.session_of(request), list(passkeys.of_person(person.pk))
    may_have = passkeys.may_have(person)
    challenge, sealed = challenges.sealed(session)
    name = device_name(request.headers.get("User-Agent", ""))
    site = conf.institution()["name"] or ceremony.rp_id()
    options = ceremony.options_to_make(person, challenge, site, known) if may_have else {}
    context: dict[str, Any] = {
        "rows": [_row(each) for each in known],
        "form": form or _New(initial={"label": name}),
        "challenge": sealed,
        "options": json.dumps(options),
        "may_have": may_have,
        "is_shared": session.shared,
        "hindrance": ways_in.hindrance(request),
        "came_weakly": _came_weakly(session),
        "may_change": access.is_recent(session, timezone.now())
        and strength.has(session, ways_in.proof_of(person)),
        "origin": ceremony.origin(),
        "here": "passkeys",
    }
    return answers.page(request, "account/passkeys.html", context, status)


def _row(passkey: Passkey) -> dict[str, Any]:
    return {
        "pk": passkey.pk,
        "label": passkey.label,
        "since": passkey.created_at,
        "used": passkey.used_at,
        "backed_up": passkey.backed_up,
        "suspended": passkey.suspended_at,
    }
