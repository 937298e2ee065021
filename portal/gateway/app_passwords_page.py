"""The account page of app passwords: make one, see its use, end it."""

from datetime import datetime
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods

from accounts import strength
from accounts.keyring import Unreadable, seal, unseal
from accounts.models import User
from accounts.session import access
from portal import conf
from portal.door import answers, cookies, incoming, proving, ways_in
from portal.gateway import app_passwords, rules
from portal.gateway.app_passwords import TooMany
from portal.gateway.held import AppPassword
from portal.gateway.reach import Reach
from portal.gateway.rule_checks import plain_host

PATH = "/account/app-passwords"
_SHOWN = "vestibule-app-password"
_SHOWN_SECONDS = 120
_OFFER = "app-password-offer"
# What was typed, while its person proves once more who they are.
_TYPED = "vestibule-app-password-typed"
_TYPED_SECONDS = 600
_DAYS = (7, 30, 90, 365)


class _New(forms.Form):
    """What a new app password is for."""

    name = forms.CharField(
        label=_("Name"),
        help_text=_("What you will know it by, such as: Calendar on my telephone."),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    place = forms.CharField(
        label=_("Only at this address"),
        help_text=_("Such as files.example.org/dav. Leave it empty for all your applications."),
        max_length=500,
        required=False,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "inputmode": "url"}
        ),
    )
    read_only = forms.BooleanField(label=_("May read, but change nothing"), required=False)
    days = forms.TypedChoiceField(label=_("Ends after"), coerce=int, initial=90)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        days = cast(forms.TypedChoiceField, self.fields["days"])
        days.choices = [
            (each, ngettext("%(count)d day", "%(count)d days", each) % {"count": each})
            for each in _DAYS
        ]

    def clean_place(self) -> tuple[str, str]:
        """Return host and path of an application with a rule here; ("", "/") for all of them."""
        text: str = self.cleaned_data["place"].strip()
        if not text:
            return "", "/"
        try:
            parts = urlsplit(text if "://" in text else f"https://{text}")
            _port = parts.port  # which raises for what is none; rules are for every port
            host = plain_host(parts.hostname or "")
            path = unquote(parts.path, errors="strict") or "/"
        except ValueError:  # of which a `UnicodeDecodeError` is one
            host, path = "", "/"
        if not host or not path.isprintable() or not rules.compiled().of(host):
            raise ValidationError(_("There is no application here at this address."))
        return host, path

    @property
    def reach(self) -> Reach:
        """What the password shall reach."""
        host, path = self.cleaned_data["place"]
        return Reach(host, path, self.cleaned_data["read_only"])


@require_http_methods(["GET", "HEAD", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """List a person's app passwords; make one, only soon after a sign-in, which took the second
    factor of who has one; end one.
    """
    if not conf.app_passwords():
        raise Http404
    person = cast(User, request.user)
    if request.method != "POST":
        return _show(request, person, _New(initial=_typed_before(request, person)))
    if "end" in request.POST:
        uid = request.POST["end"].replace("\0", "")  # which PostgreSQL cannot store
        if not app_passwords.revoke(person.pk, uid, incoming.visit(request)):
            return answers.over_already(request, PATH)
        messages.success(request, gettext("Removed. The program is signed out."))
        return answers.see_other(PATH)
    again = proving.prove_again(request, PATH, ways_in.proof_of(person))
    return _keep_typed(request, person, again) if again else _create(request, person)


def _keep_typed(request: HttpRequest, person: User, response: HttpResponse) -> HttpResponse:
    """Keep what was typed for the way back, if a cookie has room for it."""
    typed = {name: request.POST[name] for name in _New.base_fields if name in request.POST}
    held = cookies.sealed(_TYPED, typed, _TYPED_SECONDS, person.uid)
    if typed and len(held) <= cookies.LONGEST and not incoming.session_of(request).shared:
        cookies.put(response, _TYPED, held, _TYPED_SECONDS)
    return response


def _typed_before(request: HttpRequest, person: User) -> dict[str, Any]:
    found = cookies.recall(request, _TYPED, bound=person.uid)
    return found if isinstance(found, dict) else {}


def _offered(request: HttpRequest, person: User) -> str:
    """Return the letters that the page has given its form; nothing for a form without, or an old
    one.
    """
    try:
        letters, since = unseal(request.POST.get(_OFFER, ""), _OFFER, person.uid)
        is_old = timezone.now() - datetime.fromisoformat(since) > app_passwords.OFFERED
    except (Unreadable, TypeError, ValueError):
        return ""
    return "" if is_old else str(letters)


def _create(request: HttpRequest, person: User) -> HttpResponse:
    if "prove" in request.POST:
        return answers.see_other(PATH)
    form, session = _New(request.POST), incoming.session_of(request)
    if not form.is_valid():
        return _show(request, person, form)
    wish = form.cleaned_data
    try:
        made = app_passwords.create(
            session,
            wish["name"],
            form.reach,
            wish["days"],
            incoming.visit(request),
            _offered(request, person),
        )
    except TooMany:
        form.add_error(None, gettext("You have too many of them. Remove one first."))
        return _show(request, person, form)
    response = answers.see_other(PATH)
    shown = [session.uid, made.name, made.username, made.password]
    cookies.remember(response, _SHOWN, shown, _SHOWN_SECONDS)
    if _typed_before(request, person):
        cookies.forget(response, _TYPED)
    return response


def _show(request: HttpRequest, person: User, form: _New) -> HttpResponse:
    session = incoming.session_of(request)
    kept = cookies.recall(request, _SHOWN)
    made = kept[1:] if isinstance(kept, list) and kept[0] == session.uid else None
    context = {
        "rows": [_row(each) for each in app_passwords.of_person(person.pk)],
        "form": form,
        "offer_name": _OFFER,
        "offer": seal(
            [app_passwords.new_letters(), timezone.now().isoformat()], _OFFER, person.uid
        ),
        "may_create": access.is_recent(session, timezone.now())
        and strength.has(session, ways_in.proof_of(person)),
        "made": dict(zip(("name", "username", "password"), made, strict=True)) if made else None,
        "here": "app-passwords",
    }
    response = answers.page(request, "account/app_passwords.html", context)
    if kept:
        cookies.forget(response, _SHOWN)  # it is shown once
    return response


def _row(held: AppPassword) -> dict[str, Any]:
    session = held.session
    return {
        "uid": session.uid,
        "name": session.label,
        "place": held.host and held.host + held.path.rstrip("/"),
        "path": held.path,
        "read_only": held.read_only,
        "since": session.created_at,
        "ends": session.expire_date,
        "used": session.last_seen_at if session.last_seen_at > session.created_at else None,
        "address": session.address,
    }
