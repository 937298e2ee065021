"""Sources: edited, tested live, and registered at their upstreams. Secrets never come back."""

import copy
from functools import partial
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from accounts.models import Source
from accounts.session import administrators
from accounts.source import catalogue, registry
from portal.door import routes
from portal.operations import source_rows
from portal.operations.admin.guarded import Guarded
from portal.operations.admin.records import PER_PAGE
from portal.operations.rights import may_map


class SourceForm(forms.ModelForm):  # type: ignore[type-arg]
    """A source as an operator edits it. `actor` is the operator."""

    provider = forms.ChoiceField(label=_("Provider"))
    settings = forms.JSONField(
        label=_("Settings"),
        required=False,
        widget=forms.Textarea(
            attrs={"rows": 14, "class": "vLargeTextField", "spellcheck": "false"}
        ),
        help_text=_(
            "JSON. A secret is the secret itself, or names its place: env:NAME or file:PATH. "
            "Stored secrets are not shown; leave one out to keep it, give an empty one to take it "
            "away."
        ),
    )

    actor: ClassVar[Any] = None

    class Meta:
        model = Source
        fields = "__all__"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored = dict(self.instance.settings)
        if self.instance.pk:
            self.initial["settings"] = catalogue.shown_settings(self.instance)
        if "provider" in self.fields:
            names = [(name, name) for name in registry.providers()]
            self.fields["provider"].choices = names  # type: ignore[attr-defined]

    def clean_settings(self) -> dict[str, Any]:
        """Return the settings with the stored secrets that were left out."""
        given = self.cleaned_data["settings"]
        given = {} if given is None else given
        if not isinstance(given, dict):
            raise ValidationError(_("The settings must be an object."))
        _at_the_field("settings", source_rows.refuse_sealed, given)
        provider = self.instance.provider or self.cleaned_data.get("provider", "")
        rights = bool(self.actor.is_superuser)
        refuse = partial(source_rows.refuse_references, all_rights=rights, stored=self.stored)
        _at_the_field("settings", partial(refuse, provider), given)
        row = Source(slug=self.instance.slug, provider=provider)
        reach = partial(source_rows.refuse_reach, row, all_rights=rights, stored=self.stored)
        _at_the_field("settings", reach, given)
        merge = partial(source_rows.with_stored_secrets, provider, stored=self.stored)
        merged: dict[str, Any] = _at_the_field("settings", merge, given)
        return merged

    def clean_after_login(self) -> str:
        """Return the address when people may be sent there."""
        after_login: str = self.cleaned_data["after_login"]
        _at_the_field("after_login", source_rows.refuse_destination, after_login)
        return after_login

    def clean(self) -> dict[str, Any]:
        """Let nobody give groups by a source that they may not give by hand: not by the mapping,
        and not by making another provider speak for it.
        """
        cleaned = super().clean() or self.cleaned_data
        stored = self.instance.groups
        groups = cleaned.get("groups", stored)
        # Not `changed_data`, which believes what the browser says was there before.
        touched = (groups, cleaned.get("settings")) != (stored, self.stored)
        if touched and not may_map(self.actor, groups):
            said = _("This source gives groups that you are not in, or rights that you lack.")
            self.add_error("groups", said)
        return cleaned

    def _post_clean(self) -> None:
        """Let the provider judge its settings, as it does when the source is saved."""
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        try:
            catalogue.validate(copy.deepcopy(self.instance))
        except ValidationError as error:
            for field, said in error.message_dict.items():
                self.add_error(field if field in self.fields else None, said)


@admin.register(Source)
class SourceAdmin(Guarded):
    """The sources. Whoever writes one must have signed in recently: secrets are at stake."""

    form = SourceForm
    change_form_template = "operations/source.html"
    list_display = ("slug", "provider", "label", "order", "enabled")
    list_filter = ("enabled", "provider")
    list_per_page = PER_PAGE
    search_fields = ("slug", "label")
    actions = ("test_now", "disable")

    def get_fields(self, request: HttpRequest, obj: Source | None = None) -> list[Any]:
        """Return what is edited, and of an existing source the address to register."""
        edited = [
            "slug", "provider", "label", "order", "enabled", "settings", "enroll",
            "require_assignment", "end_with_token", "allow_upstream_token", "allow_erasure",
            "staff", "after_login",
            "groups", "note", "texts",
        ]  # fmt: skip
        return ["redirect_uri", "logout_uris", *edited] if obj else edited

    def get_readonly_fields(self, request: HttpRequest, obj: Source | None = None) -> list[str]:
        """Keep what people's identities and the upstream's registration hang on, and leave it to
        administrators with all rights to let others in.
        """
        kept = [] if request.user.is_superuser else ["staff"]
        shown = ["redirect_uri", "logout_uris", "slug", "provider"]
        return [*shown, *kept] if obj else kept

    def get_form(self, request: HttpRequest, obj: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Return a form that knows who edits."""
        form: Any = super().get_form(request, obj, *args, **kwargs)
        form.actor = request.user
        return form

    @admin.display(description=_("Redirect URIs to register"))
    def redirect_uri(self, source: Source) -> SafeString:
        """Return the addresses to which the upstream sends people back, one for each prefix."""
        urls = [
            (routes.callback_url(source.slug, prefix),) for prefix in (routes.AUTH, routes.OPENID)
        ]
        return format_html_join("", "<div>{}</div>", urls)

    @admin.display(description=_("Logout addresses to register"))
    def logout_uris(self, source: Source) -> SafeString:
        """Return the addresses of a logout: where people come back, where sessions are ended."""
        ready = catalogue.of_session(source.slug)
        told = ready.description if ready else None
        known = [(gettext("back from a logout"), routes.logout_done_url())]
        if told and told.backchannel:
            known.append((gettext("back-channel"), routes.backchannel_url(source.slug)))
        if told and told.frontchannel:
            known.append((gettext("front-channel"), routes.frontchannel_url(source.slug)))
        return format_html_join("", "<div>{}: {}</div>", known)

    def has_delete_permission(self, request: HttpRequest, obj: Source | None = None) -> bool:
        """Keep the `local` source: by it an administrator enters when all others are down."""
        if obj is not None and (obj.slug == Source.LOCAL or not self._may_touch(request, obj)):
            return False
        return super().has_delete_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Source | None = None) -> bool:
        """Leave a source that signs in administrators to those with all rights."""
        permitted = super().has_change_permission(request, obj)
        return permitted and (obj is None or self._may_touch(request, obj))

    @staticmethod
    def _may_touch(request: HttpRequest, obj: Source) -> bool:
        return bool(request.user.is_superuser) or not obj.staff

    def save_model(self, request: HttpRequest, obj: Source, form: Any, change: bool) -> None:
        """Save through the one place that seals secrets and tells every worker."""
        with administrators.kept():
            catalogue.save(obj)

    def delete_model(self, request: HttpRequest, obj: Source) -> None:
        """Delete through the one place that tells every worker."""
        with administrators.kept():
            catalogue.delete(obj)

    # --- Test now ---------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        """Add the page of the findings."""
        test = self.admin_site.admin_view(require_POST(self.test_one))
        own = path("<int:pk>/test/", test, name="accounts_source_test")
        return [own, *super().get_urls()]

    def test_one(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Test one source live and show what was found. Raises `Http404` when there is none."""
        row = self.get_object(request, str(pk))
        if row is None or not self.has_change_permission(request, row):
            raise Http404
        return self._findings(request, [row])

    @admin.action(description=_("Test now"), permissions=["change"])
    def test_now(self, request: HttpRequest, rows: QuerySet[Source]) -> HttpResponse:
        """Test several sources live and show what was found."""
        return self._findings(request, list(rows))

    @admin.action(description=_("Disable, even if the settings are broken"), permissions=["change"])
    def disable(self, request: HttpRequest, rows: QuerySet[Source]) -> None:
        """Disable sources, but never the `local` one by mistake."""
        mine = [row.pk for row in rows if self.has_change_permission(request, row)]
        with administrators.kept():
            slugs = source_rows.disable(rows.filter(pk__in=mine).exclude(slug=Source.LOCAL))
        said = gettext("Disabled: %s") % (", ".join(slugs) or "-")
        self.message_user(request, said, messages.SUCCESS)

    def _findings(self, request: HttpRequest, rows: list[Source]) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Test of the sources"),
            "opts": self.opts,
            "tested": [(row, source_rows.findings(row)) for row in rows],
        }
        return TemplateResponse(request, "operations/findings.html", context)


def _at_the_field(name: str, check: Any, value: Any) -> Any:
    """Run `check`, whose errors name the field, where the form expects errors of one field."""
    try:
        return check(value)
    except ValidationError as error:
        raise ValidationError(error.message_dict[name]) from None
