"""The admin site: people enter it as they enter everything else."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from accounts import events, strength
from accounts.trail import Act, acting
from portal import conf
from portal.door import answers, incoming, proving, routes
from portal.operations import acts, deletions
from portal.operations.charts import bars, figures
from portal.operations.offered_lookups import OfferedLookups

# What an operator wants, and the pages of it in the order of their use.
PURPOSES = (
    ("people", _("People")),
    ("sources", _("Sources")),
    ("applications", _("Applications")),
    ("security", _("Security")),
    ("events", _("Events")),
)
# Buttons of Django's, translated here as well: one word for saving, which in German is another.
SAVING = (
    gettext_noop("Save and add another"),
    gettext_noop("Save and continue editing"),
    gettext_noop("Save and view"),
    gettext_noop("Save as new"),
)
_PAGES = {
    "operations.awaitingperson": "people",
    "accounts.user": "people",
    "auth.group": "people",
    "accounts.identity": "people",
    "accounts.source": "sources",
    "accounts.outboxitem": "sources",
    "authorization_server.client": "applications",
    "accounts.storedsession": "security",
    "accounts.event": "events",
}
_ROOMS = {"authorization_server": "applications", "gateway": "applications"}


class VestibuleAdminSite(AdminSite):
    """Sends people to `/login` and, when they leave, through the chart."""

    index_title = _("Administration")

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        self.add_action(acts.delete_whole, "delete_selected")
        self.disable_action("delete_selected")  # a page where it does no harm names it

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register pages that write events, and nothing to Django's own log, whose lists are asked
        by their own filters alone, and whose deletions name what people know.
        """
        bases = (OfferedLookups, admin_class or ModelAdmin)
        page = type("Page", bases, {"view_on_site": False, "get_deleted_objects": deletions.known})
        super().register(model_or_iterable, page, **{**acts.IN_PLACE, **options})

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Leave out the way to a row's place on the site: none has one, and each would be told."""
        urls = super().get_urls()
        return [each for each in urls if getattr(each, "name", "") != "view_on_site"]

    def autocomplete_view(self, request: HttpRequest) -> HttpResponse:
        """Raise `Http404`: no page of ours looks up rows while somebody types."""
        raise Http404

    def strength(self, request: HttpRequest) -> str:
        """Return what strangers are asked for at once (docs/strength.md 3)."""
        return conf.staff_strength()

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """Guard a view: strangers are sent to the door, people without the right get a 403, and who
        has signed in too weakly for it signs in once more (docs/strength.md 3).
        """
        inner = super().admin_view(view, cacheable)

        @wraps(inner)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.user.is_authenticated and not self.has_permission(request):
                raise PermissionDenied
            session = incoming.session_of(request)
            wanted = strength.named(conf.staff_strength())
            leaves = request.path == reverse("admin:logout", current_app=self.name)
            if session.is_logged_in and not leaves and not strength.has(session, wanted):
                return proving.ask_again(session, request.get_full_path(), wanted)
            incoming.refuse_nul(request)
            visit = incoming.visit(request)
            act = Act("administrator", request.user.pk, events.address_or_none(visit.address))
            with acting(act):
                answer: HttpResponse = inner(request, *args, **kwargs)
            return answer

        return guarded

    def catch_all_view(self, request: HttpRequest, url: str) -> HttpResponse:
        """Lead to an address's own slash, not for ever. Raises `Http404`."""
        return HttpResponseRedirect(super().catch_all_view(request, url)["Location"])

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Return the pages that a person may see; one that has a `count` tells it by its name."""
        apps = super().get_app_list(request, app_label)
        entries = [each for app in apps for each in app["models"]]
        for entry in entries:
            count = getattr(self._registry[entry["model"]], "count", None)
            waiting = count(request) if count else 0
            if waiting:
                entry["name"] = f"{entry['name']} ({waiting})"
        return apps if app_label else self._by_purpose(entries)

    def _by_purpose(self, entries: list[Any]) -> list[Any]:
        """Return the pages in groups of what an operator wants, not of what holds the tables."""
        found: dict[str, list[Any]] = {key: [] for key, _label in PURPOSES}
        for entry in entries:
            meta = entry["model"]._meta
            given = getattr(self._registry[entry["model"]], "purpose_of_page", "")
            found[
                given or _PAGES.get(meta.label_lower, _ROOMS.get(meta.app_label, "security"))
            ] += [entry]
        order = list(_PAGES)
        place = {label: order.index(label) for label in order}
        return [
            {
                "name": label,
                "app_label": key,
                "app_url": f"{reverse('admin:index')}#{key}",
                "has_module_perms": True,
                "models": sorted(
                    found[key], key=lambda each: place.get(each["model"]._meta.label_lower, 99)
                ),
            }
            for key, label in PURPOSES
            if found[key]
        ]

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """Show the pages, and what the last day was like to those who may see it."""
        rights = ("accounts.view_event", "accounts.view_storedsession")
        shown: dict[str, Any] = {}
        if request.user.has_perms(rights):
            found = figures.counted()
            shown = {
                "figures": found,
                "sign_in_chart": bars.by_hour(found),
                "session_chart": bars.by_type(found),
                "call_chart": bars.by_source(found.sources),
            }
        return super().index(request, {**shown, **(extra_context or {})})

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return what each page of the administration shows: the institution's name in its head."""
        name = conf.institution()["name"]
        return {**super().each_context(request), "site_header": name, "site_title": name}

    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Send strangers to the door. Raises `PermissionDenied` for people without the right."""
        next_url = request.GET.get("next", reverse("admin:index"))
        if self.has_permission(request):
            return answers.see_other(reverse("admin:index"))
        if request.user.is_authenticated:
            raise PermissionDenied
        wanted = conf.staff_strength()
        demand = {"strength": wanted} if wanted else {}
        return answers.see_other(routes.sign_in_path(next_url, demand))

    def logout(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Leave by the chart."""
        return answers.see_other("/auth/logout")

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Change the password where everybody does."""
        return answers.see_other("/account/password")
