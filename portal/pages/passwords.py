"""The password pages: change it, ask for a link, use the link."""

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.password_validation import (
    password_validators_help_text_html,
    validate_password,
)
from django.core.exceptions import ValidationError
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe
from limits import RateLimitItemPerHour

from accounts.errors import InvalidGrant, TemporarilyUnavailable, TooManyRequests
from accounts.login import lockout, proof
from accounts.models import Source, User
from accounts.models.users import username_key
from accounts.provider import LONGEST_PASSWORD, Authentication, Recovers
from accounts.session import people
from accounts.source import catalogue
from portal.door import answers, cookies, devices, incoming, ways_in

ASKED_FOR = RateLimitItemPerHour(5, namespace="forgotten-name")
ASKED_FROM = RateLimitItemPerHour(50, namespace="forgotten-address")
RESET_COOKIE = "vestibule-reset"
RESET_PATH = "/login/reset/"
RESET_SECONDS = 900
LONGEST_LINK = 132  # a uid and a token
WITHOUT_TOKEN = "choose"  # noqa: S105  # what stands in the address in the place of the token


class _Password(forms.CharField):
    """A password as it was typed: spaces count, and nothing of it is ever sent back."""

    def __init__(self, autocomplete: str, **options: Any) -> None:
        widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
        super().__init__(strip=False, max_length=LONGEST_PASSWORD, widget=widget, **options)


class NewPasswordForm(forms.Form):
    """A new password, typed twice, checked by the site's validators for `user`."""

    new_password = _Password("new-password", label=_("New password"))
    again = _Password("new-password", label=_("New password again"))

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["new_password"].help_text = password_validators_help_text_html()

    def clean_new_password(self) -> str:
        """Return the new password when the site's validators have nothing against it."""
        password: str = self.cleaned_data["new_password"]
        validate_password(password, self.user)
        return password

    def clean_again(self) -> str:
        """Return the repetition when it is one."""
        again: str = self.cleaned_data["again"]
        if "new_password" in self.cleaned_data and again != self.cleaned_data["new_password"]:
            raise ValidationError(_("The two passwords are not the same."))
        return again


class ChangePasswordForm(NewPasswordForm):
    """The present password, and a new one that differs. The view judges the present one."""

    old_password = _Password("current-password", label=_("Present password"))
    field_order = ["old_password", "new_password", "again"]

    def clean_new_password(self) -> str:
        """Return the new password when it is good and really new."""
        password = super().clean_new_password()
        if password == self.cleaned_data.get("old_password"):
            raise ValidationError(_("This is the password that you have now."))
        return password


class ForgottenForm(forms.Form):
    """Who forgot: a username or an e-mail address."""

    identifier = forms.CharField(
        label=_("Username or e-mail address"),
        max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none"}),
    )


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest) -> HttpResponse:
    """Change the password of the person who is signed in; their other sessions end."""
    person = cast(User, request.user)
    source = catalogue.of_session(Source.LOCAL)
    if source is None or not _signs_in_here(person):
        return answers.page(request, "password/none.html", {"here": "password"})
    hindrance = ways_in.hindrance(request)
    if hindrance and request.method == "POST":
        return answers.see_other(reverse("password-change"))
    form = ChangePasswordForm(person, request.POST if request.method == "POST" else None)
    account: dict[str, Any] = {"here": "password", "has_password": True, "person": person}
    account["hindrance"] = hindrance
    if not form.is_valid():
        return _show(request, "change", form, **account)
    visit = incoming.visit(request)
    try:
        old, new = form.cleaned_data["old_password"], form.cleaned_data["new_password"]
        device = devices.known(request, source.slug, person.username)
        judged = proof.verify_password(source, person.username, old, visit, device)
        people.change_password(
            _as_judged(person, judged), new, visit, keep=incoming.session_of(request)
        )
    except InvalidGrant:
        form.add_error("old_password", gettext("This is not your present password."))
        return _show(request, "change", form, **account)
    except TemporarilyUnavailable as error:
        form.add_error(None, _wait(error))
        return _show(request, "change", form, error, **account)
    messages.success(request, _("Your password is changed. You are signed out everywhere else."))
    return answers.see_other(reverse("account"))


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def forgotten(request: HttpRequest) -> HttpResponse:
    """Ask who forgot, and answer alike whether or not there is anybody (U03)."""
    provider = _recovering()
    if provider is None:
        raise Http404
    form = ForgottenForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _show(request, "forgotten", form)
    identifier, visit = form.cleaned_data["identifier"], incoming.visit(request)
    try:
        lockout.spend_places(ASKED_FROM, visit.address)
        lockout.spend(ASKED_FOR, username_key(identifier))
    except TooManyRequests as error:
        form.add_error(None, gettext("There were too many requests. Please wait, then try again."))
        return _show(request, "forgotten", form, error)
    try:
        provider.send_links(identifier, visit)
    except DatabaseError:  # nobody is mailed: they have asked in vain, and may ask again
        lockout.spend(ASKED_FOR, username_key(identifier), cost=-1)
        raise
    return answers.see_other(reverse("password-sent"))


@login_not_required
@require_safe
def sent(request: HttpRequest) -> HttpResponse:
    """Say that a mail is on its way, if there is anybody to send it to."""
    return answers.page(request, "password/sent.html")


@login_not_required
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def reset(request: HttpRequest, uidb64: str, token: str) -> HttpResponse:
    """Set a new, or the first, password by a mailed link. Nobody is signed in by it.

    `uidb64` is the person's public id. The link's token moves into a sealed cookie at once, so that
    it neither stays in the address bar nor leaves in a Referer (RFC 9700, 4.2.4; U05).
    """
    if token != WITHOUT_TOKEN:
        return _hide_token(request, uidb64, token)
    provider, token = catalogue.recovering(), _token_of(request, uidb64)
    if not token:  # the link may be good: who opens it again is told by it
        return answers.page(request, "password/closed.html", status=400)
    if provider is None or not provider.knows_link(uidb64, token):
        return _lapsed(request)
    user = User.objects.get(uid=uidb64)
    form = NewPasswordForm(user, request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return _show(request, "reset", form, person=user)
    visit = incoming.visit(request)
    try:
        provider.redeem_link(uidb64, token, form.cleaned_data["new_password"], visit)
    except InvalidGrant:
        return _lapsed(request)
    except TemporarilyUnavailable as error:
        form.add_error(None, _wait(error))
        return _show(request, "reset", form, error, person=user)
    lockout.succeeded(Source.LOCAL, user.username, visit.address)
    return _without_cookie(answers.see_other(reverse("login") + "?choose=1&done=password"))


# --- Changing -------------------------------------------------------------------------------------


def _as_judged(person: User, judged: Authentication) -> User:
    """Return the person as they were when their password was judged, which may have been hashed
    anew since. Raises `InvalidGrant` when it has been changed.
    """
    now = User.objects.filter(pk=person.pk).first()
    if now is None or now.session_epoch != judged.epoch:
        raise InvalidGrant("The password was changed meanwhile.")
    return now


def _signs_in_here(person: User) -> bool:
    known = person.identities.filter(source__slug=Source.LOCAL)
    return person.has_usable_password() and known.exists()


# --- Links ----------------------------------------------------------------------------------------


def _recovering() -> Recovers | None:
    """Return the provider that helps people who forgot, when its source is there to sign in by."""
    source = catalogue.find(Source.LOCAL)
    return catalogue.recovering() if source and source.form.prompt().recovery else None


def _hide_token(request: HttpRequest, uid: str, token: str) -> HttpResponse:
    if request.method == "POST":
        return HttpResponseNotAllowed(["GET", "HEAD"])
    if len(uid + token) > LONGEST_LINK:
        return _lapsed(request)
    response = answers.see_other(reverse("password-reset", args=[uid, WITHOUT_TOKEN]))
    cookies.remember(response, RESET_COOKIE, [uid, token], RESET_SECONDS, path=RESET_PATH)
    return response


def _token_of(request: HttpRequest, uid: str) -> str:
    """Return the token that the cookie holds, if it is the link of this address; else nothing."""
    held = cookies.recall(request, RESET_COOKIE, path=RESET_PATH)
    return str(held[1]) if isinstance(held, list) and held[0] == uid else ""


def _lapsed(request: HttpRequest) -> HttpResponse:
    context = {"can_recover": _recovering() is not None}
    return _without_cookie(answers.page(request, "password/lapsed.html", context, 400))


def _without_cookie(response: HttpResponse) -> HttpResponse:
    cookies.forget(response, RESET_COOKIE, path=RESET_PATH)
    return response


# --- Pages ----------------------------------------------------------------------------------------


def _show(
    request: HttpRequest,
    page: str,
    form: forms.Form,
    error: TemporarilyUnavailable | None = None,
    **more: Any,
) -> HttpResponse:
    """Return a page with its form: empty, refused, or to be sent again later."""
    status = error.status if error else 400 if form.is_bound else 200
    response = answers.page(request, f"password/{page}.html", {"form": form, **more}, status)
    return answers.with_retry_after(response, error) if error else response


def _wait(error: TemporarilyUnavailable) -> str:
    if isinstance(error, TooManyRequests):
        return gettext("There were too many attempts. Please wait a few minutes, then try again.")
    return gettext("Many people are signing in right now. Please try again in a moment.")
