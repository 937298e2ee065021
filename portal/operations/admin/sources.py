"""Sources: edited, tested live, and registered at their upstreams. Secrets never come back."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from django import forms
from django.apps import apps
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, is_valid_path, path, reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import conf, events
from accounts.errors import ProtocolError
from accounts.http import in_words
from accounts.keyring import Unreadable, seal, unseal
from accounts.models import Event, Source
from accounts.models.sources import slug_validator
from accounts.session import administrators
from accounts.source import catalogue, registry
from portal.door import answers, routes
from portal.door.guarded import Guarded
from portal.door.seen_field import Held
from portal.operations import source_fields, source_rows
from portal.operations.admin import duty_field
from portal.operations.admin.records import PER_PAGE
from portal.operations.admin.source_form import SourceForm
from portal.operations.rights import may_disable

_WELL_KNOWN = "/.well-known/openid-configuration"
_MADE = "source-made"


@admin.register(Source)
class SourceAdmin(Held, Guarded):
    """The sources. Whoever writes one must have signed in recently: secrets are at stake."""

    form = SourceForm
    writes_events = True
    change_form_template = "operations/source.html"
    list_display = ("slug", "provider", "shown_label", "order", "enabled", "state")
    list_filter = ("enabled", "provider")
    list_per_page = PER_PAGE
    search_fields = ("slug", "label")
    actions = ("test_now", "disable")

    def get_fields(self, request: HttpRequest, obj: Source | None = None) -> list[Any]:
        """Return what is edited, and of an existing source the address to register. Who may not
        change it sees no stored secret, sealed as it is.
        """
        edited = [
            "slug", "provider", "label", "order", "enabled", "settings", "enroll",
            "require_assignment", "end_with_token", "allow_upstream_token", "allow_erasure",
            "staff", "verifies_mail", "after_login",
            "groups", "note", "texts",
        ]  # fmt: skip
        if obj is None:
            return edited
        if not self.has_change_permission(request, obj):
            edited[edited.index("settings")] = "shown_settings"
        return ["redirect_uri", "logout_uris", *edited]

    def get_readonly_fields(self, request: HttpRequest, obj: Source | None = None) -> list[str]:
        """Keep what people's identities and the upstream's registration hang on, and leave it to
        administrators with all rights to let others in.
        """
        kept = [] if request.user.is_superuser else ["staff", "verifies_mail"]
        shown = ["redirect_uri", "logout_uris", "slug", "provider"]
        return [*shown, *kept] if obj else kept

    def get_form(self, request: HttpRequest, obj: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Return a form that knows who edits."""
        form: Any = super().get_form(request, obj, *args, **kwargs)
        form.actor = request.user
        form.as_json = "json" in request.GET
        return form

    @admin.display(description=_("Settings"))
    def shown_settings(self, source: Source) -> str:
        """Return the settings without the stored secrets."""
        return json.dumps(catalogue.shown_settings(source), indent=2, ensure_ascii=False)

    @admin.display(description=_("label"), ordering="label")
    def shown_label(self, source: Source) -> str:
        """Return what people call it, in the language of the page."""
        return catalogue.label_of(source.slug)

    @admin.display(description=_("State"))
    def state(self, source: Source) -> str:
        """Return what keeps people from signing in by it: settings that cannot be read."""
        return catalogue.why_unreadable(source) or gettext("readable")

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

    # --- Three steps: choose, fill in, test -------------------------------------------------------

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Ask what kind of source it is, then for its settings; the test follows the saving."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if request.method == "GET" and not self._chosen(request.GET):
            return self._guarded(True, self._choose, request)
        if request.method == "POST" and "_fill" in request.POST:
            return self._guarded(True, self._fill, request, *args, **kwargs)
        return super().add_view(request, *args, **kwargs)

    @staticmethod
    def _chosen(values: Mapping[str, str]) -> bool:
        named = re.match(slug_validator.regex, values.get("slug", ""))
        return "json" in values or bool(named and values.get("provider") in registry.providers())

    def _choose(self, request: HttpRequest) -> HttpResponse:
        """Show the first step. A word that cannot be one is said at its field."""
        asked = "slug" in request.GET
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Add a source"),
            "opts": self.opts,
            "kinds": [
                (name, _kind_name(name)) for name in registry.providers() if name != Source.LOCAL
            ],
            "slug": request.GET.get("slug", ""),
            "kind": request.GET.get("provider", ""),
            "wrong": slug_validator.message if asked else "",
        }
        return TemplateResponse(request, "operations/source_kind.html", context)

    def _fill(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the form again with what the upstream publishes. Nothing is saved."""
        self._say_filled(request, self._filled(request.POST))
        request.method = "GET"
        return super().add_view(request, *args, **kwargs)

    def _filled(self, posted: Mapping[str, str]) -> Mapping[str, Any] | str:
        """Return what follows from the upstream's own word, or why nothing does."""
        name = posted.get("provider", "")
        kind = registry.providers().get(name)
        if kind is None or not hasattr(kind, "filled_in"):
            return gettext("This kind of source has to be filled in by hand.")
        known = dict.fromkeys(source_fields.required_texts(kind), "-")
        known |= {key: posted[f"set-{key}"] for key in known if posted.get(f"set-{key}")}
        if "issuer" in source_fields.names_of(kind):
            known["issuer"] = posted.get("set-issuer", "").strip().removesuffix(_WELL_KNOWN)
        row = Source(slug=posted.get("slug", ""), provider=name, settings=known)
        try:
            provider = catalogue.instance(row)
            found: Mapping[str, Any] = provider.filled_in()  # type: ignore[attr-defined]
        except ValidationError as error:
            return " ".join(error.messages)
        except ProtocolError as error:
            return in_words(error)
        return {key: each for key, each in found.items() if key in source_fields.names_of(kind)}

    def _say_filled(self, request: HttpRequest, found: Mapping[str, Any] | str) -> None:
        ticks = self.get_form(request)(request.POST).fields.items()
        # A browser leaves out what is not ticked, and the form would show its own beginning.
        unticked = {name: False for name, each in ticks if isinstance(each, forms.BooleanField)}
        typed: Any = {**unticked, **request.POST.dict()}
        request.filled = typed  # type: ignore[attr-defined]
        if isinstance(found, str):
            said = gettext("Nothing was filled in: %s") % found
            self.message_user(request, said, messages.ERROR)
            return
        typed.update({f"set-{name}": value for name, value in found.items()})
        said = gettext("Filled in from what the provider publishes. Look at it, then save.")
        self.message_user(request, said, messages.SUCCESS)

    @staticmethod
    def first_values(request: HttpRequest) -> dict[str, Any]:
        """Return what was chosen, typed and filled in: of the address the first step alone."""
        chosen = {name: request.GET[name] for name in ("slug", "provider") if name in request.GET}
        known = getattr(request, "filled", None) or chosen
        return {name: value for name, value in known.items() if name != "settings"}

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show the form in parts, with the addresses to register at the upstream."""
        form, row = context["adminform"].form, context.get("original")
        slug = row.slug if row else str(form.initial.get("slug") or form.data.get("slug") or "")
        context |= {
            "source_form": form,
            "addresses": self._addresses(slug, form.kind) if slug else [],
            "fills_in": not row and form.typed and hasattr(form.kind, "filled_in"),
            "unreadable": catalogue.why_unreadable(row) if row else "",
            "may_save": row is None or self.has_change_permission(request, row),
            "changed": Event.objects.filter(
                source=slug, name__in=("source.created", "source.changed", "source.tested")
            ).select_related("by")[:5]
            if row
            else [],
        }
        return super().render_change_form(request, context, *args, **kwargs)

    @staticmethod
    def _addresses(slug: str, kind: Any) -> list[tuple[Any, str]]:
        """Return what to register at the upstream: what for, and the address."""
        if not hasattr(kind, "begin_login"):
            return []
        if own := getattr(kind, "registered", None):
            return [(name, conf.site_url() + path) for name, path in own.items()]
        found = [
            (_("Redirect URI"), routes.callback_url(slug, routes.AUTH)),
            (_("Redirect URI for front ends of before"), routes.callback_url(slug, routes.OPENID)),
            (_("Post-logout redirect URI"), routes.logout_done_url()),
        ]
        if hasattr(kind, "verify_logout_token"):
            for said, word in ((_("Back-channel logout URI"), "backchannel"),
                               (_("Front-channel logout URI"), "frontchannel")):  # fmt: skip
                place = f"/auth/{word}/{slug}"
                if is_valid_path(place):
                    found.append((said, conf.site_url() + place))
        return found

    def response_add(self, request: HttpRequest, obj: Source, *args: Any) -> HttpResponse:
        """Lead to the test, the third step, unless more is to be typed. Django saves in a
        transaction, which holds rows that every sign-in of an administrator needs: upstreams are
        asked when it is over.
        """
        if "_save" not in request.POST or "typed" not in request.POST:
            return super().response_add(request, obj, *args)
        made = quote(seal(obj.pk, _MADE, str(request.user.pk)))
        return answers.see_other(f"{reverse('admin:accounts_source_made')}?source={made}")

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
        stored = Source.objects.filter(pk=obj.pk).first() if change else None
        before = _told_of(stored)
        if not request.user.is_superuser:
            obj.verifies_mail = source_rows.still_verifies(obj, stored)
            if not obj.verifies_mail and (stored is None or stored.verifies_mail):
                said = gettext("Addresses count as verified once somebody with all rights says so.")
                self.message_user(request, said, messages.WARNING)
        with administrators.kept():
            catalogue.save(obj)
            after = _told_of(obj)
            names = sorted(key for key in {*before, *after} if before.get(key) != after.get(key))
            name = "source.changed" if change else "source.created"
            said = ", ".join(names) if change else obj.provider
            if names:
                events.record(events.event(name, source=obj.slug, detail=said))

    def delete_model(self, request: HttpRequest, obj: Source) -> None:
        """Delete through the one place that tells every worker."""
        slug = obj.slug
        with administrators.kept():
            catalogue.delete(obj)
            events.record(events.event("source.deleted", source=slug))

    # --- Test now ---------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        """Add the pages of the findings."""
        test = self.admin_site.admin_view(self.test_one)
        own = path("<int:pk>/test/", test, name="accounts_source_test")
        made = path(
            "made/", self.admin_site.admin_view(self.test_made), name="accounts_source_made"
        )
        return [made, own, *super().get_urls()]

    def test_made(self, request: HttpRequest) -> HttpResponse:
        """Show the third step: the test of a source that this person has made. Its address is
        sealed, so that no page elsewhere makes us ask upstreams. Raises `Http404` for any other.
        """
        try:
            pk = unseal(request.GET.get("source", ""), _MADE, str(request.user.pk))
        except Unreadable:
            raise Http404 from None
        row = self.get_queryset(request).filter(pk=pk).first()
        if row is None or not self.has_add_permission(request):
            raise Http404
        return self._findings(request, [row], step=3)

    def test_one(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Test one source live and show what was found. Raises `Http404` when there is none.

        Whoever comes back from a sign-in in between asks by GET, and gets the source's own page.
        """
        row = self.get_queryset(request).filter(pk=pk).first()  # not held: upstreams are asked
        if row is None or not self.has_change_permission(request, row):
            raise Http404
        if request.method != "POST":
            return answers.see_other(reverse("admin:accounts_source_change", args=[pk]))
        return self._findings(request, [row])

    @admin.action(description=_("Test now"), permissions=["change"])
    def test_now(self, request: HttpRequest, rows: QuerySet[Source]) -> HttpResponse:
        """Test several sources live and show what was found."""
        return self._findings(request, list(rows))

    @admin.action(description=_("Disable, even if the settings are broken"), permissions=["change"])
    def disable(self, request: HttpRequest, rows: QuerySet[Source]) -> None:
        """Disable sources, but never the `local` one by mistake, nor one that keeps staff under a
        duty without all rights.
        """
        own = rows.exclude(slug=Source.LOCAL)
        mine = [row for row in own if self.has_change_permission(request, row)]
        free = [row.pk for row in mine if may_disable(request.user, row)]
        with administrators.kept():
            slugs = source_rows.disable(own.filter(pk__in=free))
        if len(free) < len(mine):
            self.message_user(request, duty_field.STAFFS_DUTY, messages.WARNING)
        said = gettext("Disabled: %s") % (", ".join(slugs) or "-")
        self.message_user(request, said, messages.SUCCESS)

    def _findings(self, request: HttpRequest, rows: list[Source], step: int = 0) -> HttpResponse:
        tested = [(row, source_rows.findings(row)) for row in rows]
        for row, found in tested:
            failed = sum(not each.ok for each in found)
            said = f"{len(found) - failed} ok, {failed} failed"
            events.record(events.event("source.tested", source=row.slug, detail=said))
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Test of the sources"),
            "opts": self.opts,
            "tested": tested,
            "step": step,
        }
        return TemplateResponse(request, "operations/findings.html", context)


def _told_of(row: Source | None) -> dict[str, Any]:
    """Return what an event may name of a source: columns and settings, each by a digest of it."""
    if row is None:
        return {}
    columns = (
        "label", "order", "enabled", "enroll", "require_assignment", "end_with_token",
        "allow_upstream_token", "allow_erasure", "staff", "verifies_mail", "after_login", "groups",
        "note", "texts", "logo",
    )  # fmt: skip
    told = {name: repr(getattr(row, name)) for name in columns}
    return told | {f"settings.{name}": repr(value) for name, value in row.settings.items()}


def _kind_name(name: str) -> str:
    """Return what people call a kind of source: the name of its app, or its own."""
    known = {config.label: config.verbose_name for config in apps.get_app_configs()}
    return str(known.get(name, name))
