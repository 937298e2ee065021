"""Clients and what was issued to them, for administrators. The values of tokens are never shown."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Event
from accounts.provider import Visit
from portal.authorization_server import client_file, client_rows
from portal.authorization_server.models import Client, DeviceGrant, RefreshToken
from portal.door import incoming
from portal.door.guarded import Guarded
from portal.door.lists import BoundedList, beginning, column, is_id
from portal.door.seen_field import Held, SeenForm
from portal.door.typed_json import Decoder
from portal.tokens import minting
from portal.tokens.bearer import FIRST_PARTY

_FIRST_PARTY = _("first party")
_PERSON, _APPLICATION = column("user", _("Person")), column("application", _("Application"))
_CREATED, _EXPIRES = column("created", _("Since")), column("expires", _("Expires"))
_LISTS = ("redirect_uris", "post_logout_redirect_uris", "allowed_origins", "allowed_resources")
_LINES = {"rows": 4, "class": "vLargeTextField", "spellcheck": "false"}


class ClientForm(SeenForm):
    """A client as an operator edits it. `actor` is the operator."""

    actor: ClassVar[Any] = None

    class Meta:
        model = Client
        fields = "__all__"
        widgets: ClassVar[dict[str, Any]] = {name: forms.Textarea(attrs=_LINES) for name in _LISTS}
        labels: ClassVar[dict[str, Any]] = {
            "skip_authorization": _FIRST_PARTY,
            "redirect_uris": _("redirect addresses"),
            "post_logout_redirect_uris": _("addresses after signing out"),
            "allowed_origins": _("origins of its pages"),
        }
        help_texts: ClassVar[dict[str, Any]] = {
            "name": _("People read it when they are asked whether they allow the application."),
            "redirect_uris": _("One on each line; people come back to one of them (redirect_uri)."),
            "post_logout_redirect_uris": _("One on each line (post_logout_redirect_uri)."),
            "allowed_origins": _("Of a front end in the browser, such as https://app.example.org."),
            "skip_authorization": _("The institution's own: people are not asked for consent."),
            "client_id": _("The word by which the application names itself."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "name" in self.fields:  # a page to look at has none
            self.fields["name"].required = True
        if "jwks" in self.fields:
            self.fields["jwks"].decoder = Decoder  # type: ignore[attr-defined]

    def clean_client_id(self) -> str:
        """Return the id, which is not that of our own front ends' client."""
        client_id: str = self.cleaned_data["client_id"]
        if client_id == FIRST_PARTY:
            raise ValidationError(_("This name is taken by the site itself."))
        return client_id

    def _post_clean(self) -> None:
        """Judge what the client would be: nobody gives away more than they have."""
        super()._post_clean()  # type: ignore[misc]
        if self.errors or self.actor.is_superuser:
            return
        try:
            client_rows.refuse_reach(self.instance)
        except ValidationError as error:
            for field, said in error.message_dict.items():
                self.add_error(field if field in self.fields else None, said)


class ClientAdmin(Held, Guarded):
    """Clients. A secret is made here, shown once, and stored as a digest.

    Whoever writes one must have signed in recently, and it is an event.
    """

    form = ClientForm
    writes_events = True
    list_display = ("name", "client_id", "kind", "auth_method", "is_first_party", "created")
    list_filter = ("kind", "auth_method")
    search_fields = ("name", "client_id")
    ordering = ("name",)
    actions = ("delete_selected", "renew_secret")
    fields = (
        "name", "client_id", "kind", "auth_method", "redirect_uris", "post_logout_redirect_uris",
        "allowed_origins", "allowed_scopes", "allowed_resources", "skip_authorization",
        "legacy_desktop", "introspects", "backchannel_logout_uri", "jwks", "jwks_uri",
    )  # fmt: skip

    @admin.display(description=_FIRST_PARTY, boolean=True, ordering="skip_authorization")
    def is_first_party(self, client: Client) -> bool:
        """Tell whether people are not asked for consent."""
        return client.skip_authorization

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return all but our own front ends' client, which the site keeps by itself."""
        return super().get_queryset(request).exclude(client_id=FIRST_PARTY)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the id of a client that exists: applications know it."""
        return ("client_id",) if obj else ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Add what a page that can be sent says of what it shows."""
        return [*super().get_fields(request, obj), *self.seen_name(request, obj)]

    def get_form(self, request: HttpRequest, obj: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Return a form that knows who edits."""
        form: Any = super().get_form(request, obj, *args, **kwargs)
        form.actor = request.user
        return form

    def save_model(self, request: HttpRequest, obj: Client, form: Any, change: bool) -> None:
        """Save, with a secret where one is needed and none is there."""
        before = Client.objects.filter(pk=obj.pk).first() if change else None
        changed = client_file.differing(obj, before or Client())
        needed = obj.auth_method in client_file.WITH_SECRET
        if not needed or not change:
            obj.client_secret = ""
        secret = client_file.new_secret(obj) if needed and not obj.client_secret else ""
        client_rows.save(obj, [*changed, *(["client_secret"] if secret else [])])
        if secret:
            self._show(request, obj, secret)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Ask for all rights for a client that reaches far: whoever deleted it would add it anew,
        with an address of their own beside those that its applications use.
        """
        may = super().has_delete_permission(request, obj)
        far = obj is not None and not request.user.is_superuser and client_rows.reaches_far(obj)
        return may and not far

    def delete_model(self, request: HttpRequest, obj: Client) -> None:
        """Delete through the place that writes clients."""
        client_rows.delete([obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Delete several through the same place."""
        client_rows.delete(queryset)

    @admin.action(description=_("Make a new secret"), permissions=["change"])
    def renew_secret(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        """Make a new secret for a client that has one; the former one counts no more. Of several at
        once a browser would lose some: messages travel in a cookie.
        """
        if rows.count() > 1:
            said = gettext("Choose one client: its new secret is shown once. Nothing was changed.")
            self.message_user(request, said, messages.ERROR)
            return
        with transaction.atomic():
            for row in rows.select_for_update(no_key=True):  # as a form that is sent holds it
                self._renew(request, row)

    def _renew(self, request: HttpRequest, row: Client) -> None:
        if row.auth_method not in client_file.WITH_SECRET:
            said = gettext("There is no secret of %s. Nothing was changed.")
            self.message_user(request, said % row.client_id, messages.WARNING)
        elif not request.user.is_superuser and client_rows.reaches_far(row):
            said = gettext("Only somebody with all rights makes the secret of %s.")
            self.message_user(request, said % row.client_id, messages.ERROR)
        else:
            secret = client_file.new_secret(row)
            client_rows.save(row, ["client_secret"])
            self._show(request, row, secret)

    def _show(self, request: HttpRequest, client: Client, secret: str) -> None:
        """Show a secret, in the place of a former one of the client that nobody has read yet."""
        said = gettext("The secret of %(client)s, which is not shown again: %(secret)s")
        begins = said % {"client": client.client_id, "secret": ""}
        for each in messages.get_messages(request):
            if not str(each.message).startswith(begins):
                self.message_user(request, each.message, each.level)
        self.message_user(request, begins + secret, messages.WARNING)


class IssuedAdmin(BoundedList):
    """What was issued: a list to read and search. Nothing is made or changed by hand."""

    list_display: Any = ("pk", _PERSON, _APPLICATION, "scope", _CREATED, _EXPIRES)
    list_select_related: ClassVar[Any] = ("user", "application")
    list_display_links = None
    search_fields: ClassVar[Any] = ("scope",)  # `found` looks

    def get_urls(self) -> list[URLPattern]:
        """Serve the list, and no page of a row, which would show codes and digests."""
        kept = ("_changelist", "_add")  # whoever would add one is refused
        return [each for each in super().get_urls() if str(each.name).endswith(kept)]

    def found(self, rows: QuerySet[Any], term: str, request: HttpRequest) -> QuerySet[Any]:
        """Return what a client of this name was given, or the people who are meant."""
        client = Client.objects.filter(client_id=term).first()
        return rows.filter(application=client) if client else super().found(rows, term, request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds one."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes one."""
        return False


class GrantAdmin(IssuedAdmin):
    """Authorization codes, without their values."""


class TokenAdmin(IssuedAdmin):
    """Access and refresh tokens, without their values, to look at and to revoke."""

    list_display = ("pk", _PERSON, _APPLICATION, column("session", _("Session")), _CREATED)
    list_select_related = ("user", "application", "session")
    actions = ("revoke",)

    def found(self, rows: QuerySet[Any], term: str, request: HttpRequest) -> QuerySet[Any]:
        """Return what belongs to a session of this id as well."""
        of_session = rows.filter(beginning("session_id", term)) if is_id(term) else rows.none()
        return of_session if of_session.exists() else super().found(rows, term, request)

    @admin.action(description=_("Revoke the selected tokens"), permissions=["delete"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Revoke tokens together with their twins, and the devices and applications that live by
        them; say how many, and whether some were left.
        """
        chosen = list(queryset.select_related("session", "user"))
        taken = [each for each in chosen if _may_revoke(request.user, each.user)]
        for token in taken:
            self._revoke(token, incoming.visit(request))
        if left := len(chosen) - len(taken):
            said = ngettext(
                "%d token was left: only somebody with all rights revokes those of others who open "
                "the administration.",
                "%d tokens were left: only somebody with all rights revokes those of others who "
                "open the administration.",
                left,
            )
            self.message_user(request, said % left, messages.WARNING)
        count = len(taken)
        said = ngettext("%d token was revoked.", "%d tokens were revoked.", count) % count
        self.message_user(request, said)

    @staticmethod
    def _revoke(token: Any, visit: Visit) -> None:
        is_refresh = isinstance(token, RefreshToken)
        twin = RefreshToken.objects.filter(access_token=token.pk).select_related("session")
        held = token if is_refresh else twin.first()
        revoke = minting.end_family if held else minting.end_alone
        revoke(held or token, visit, "by an administrator", Event.Actor.ADMINISTRATOR)


def _may_revoke(actor: Any, person: Any) -> bool:
    """Tell whether `actor` may revoke a token of `person`, whose session may end with it: of others
    who open the administration only with all rights.
    """
    is_colleague = person is not None and person.pk != actor.pk and person.opens_administration()
    return bool(actor.is_superuser) or not is_colleague


@admin.register(DeviceGrant)
class DeviceGrantAdmin(IssuedAdmin):
    """Devices that wait, without their codes."""

    list_display = ("pk", _PERSON, "client_id", "scope", "status", _EXPIRES)
    list_select_related = ("user",)
