"""Access rules, for administrators, and the page that tries them."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from portal.door import boxes, incoming
from portal.door.guarded import Guarded
from portal.door.seen_field import Held, SeenForm
from portal.gateway import choices, cookie_lines, passing, rule_checks, rule_rows
from portal.gateway.models import AccessRule
from portal.gateway.trial_form import TrialForm

_BY = "administration"
_FALLS = _(
    "What this decides might fall to %s, which passes people's tokens on or tells their usernames."
)
_LINES: dict[str, Any] = {"rows": 4, "class": "vLargeTextField", "spellcheck": "false"}


class RuleForm(SeenForm):
    """A rule as an operator edits it. `actor` is the operator."""

    methods = forms.CharField(
        label=_("Methods"), required=False, help_text=_("Such as GET, PUT. None: all.")
    )
    types = forms.MultipleChoiceField(
        label=_("Session types"), required=False, widget=boxes.Boxes,
        help_text=_("None: all."),
    )  # fmt: skip
    groups = forms.MultipleChoiceField(
        label=_("Groups"), required=False, widget=boxes.Boxes,
        help_text=_("Whoever is in one of them comes in. None: everybody."),
    )  # fmt: skip
    cookies = forms.CharField(
        label=_("Cookies of the application"), required=False,
        widget=forms.Textarea(attrs=_LINES),
        help_text=_("One a line, as the application sets it: name; Path=/; Domain=example.org"),
    )  # fmt: skip

    actor: ClassVar[Any] = None

    class Meta:
        model = AccessRule
        fields = "__all__"
        help_texts: ClassVar[dict[str, Any]] = {
            "order": _("Smaller numbers come first; the first rule that matches decides."),
            "host": _("Without scheme and port. *.example.org is every name below example.org."),
            "path": _("This path and everything below it."),
            "strength": _("The weakest sign-in that is enough."),
            "proof_seconds": _("How old the proof may be, in seconds. 0: any age."),
            "remote_user": _("Usernames change hands: prefer the id."),
            "pass_token": _("The application acts in the person's name at their source."),
            "clear_storage": _("What the application keeps in the browser goes with the cookies."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own: Any = self.fields
        stored = self.instance
        names = {*Group.objects.values_list("name", flat=True), *stored.groups}
        self._offer(own, "groups", choices.of_groups(names))
        self._offer(own, "types", choices.of_types(stored.types))
        self.initial["methods"] = ", ".join(stored.methods)
        self.initial["cookies"] = cookie_lines.written(stored.cookies)

    @staticmethod
    def _offer(fields: Any, name: str, offer: list[tuple[str, str]]) -> None:
        if name in fields:
            boxes.offer(fields[name], offer)

    def clean_methods(self) -> list[str]:
        """Return the methods as a list."""
        return [each.upper() for each in self.cleaned_data["methods"].replace(",", " ").split()]

    def clean_cookies(self) -> list[dict[str, str]]:
        """Return the cookies as they are stored."""
        return cookie_lines.read(self.cleaned_data["cookies"])

    def clean_host(self) -> str:
        """Return the host. Only somebody with all rights names a new one: people are sent there."""
        host = rule_checks.plain_host(self.cleaned_data["host"])
        if not self.actor.is_superuser and not AccessRule.objects.filter(host=host).exists():
            raise ValidationError(
                _("Only somebody with all rights adds a host that no rule names yet.")
            )
        return host

    def _post_clean(self) -> None:
        """Judge the rule as it is judged when it is saved."""
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        try:
            rule_checks.check(self.instance)
            self._keep_reach()
        except ValidationError as error:
            for field, said in error.message_dict.items():
                self.add_error(field if field in self.fields else None, said)

    def _keep_reach(self) -> None:
        """Raise `ValidationError` where somebody without all rights would have more of people's
        tokens passed on, or usernames told: by this rule, or by one that decides what this one did.
        """
        was = AccessRule.objects.select_for_update().filter(pk=self.instance.pk).first()
        if self.actor.is_superuser:
            return
        if passing.passes_more(self.instance, was):
            said = _("Only somebody with all rights passes people's tokens on.")
            raise ValidationError({"pass_token": said})
        if passing.tells_usernames(self.instance, was):
            said = _(
                "Only somebody with all rights has usernames told: whoever edits people "
                "may choose them."
            )
            raise ValidationError({"remote_user": said})
        if was and passing.is_moved(self.instance, was) and (heirs := passing.heirs([was])):
            raise ValidationError({NON_FIELD_ERRORS: _FALLS % heirs})


@admin.register(AccessRule)
class AccessRuleAdmin(Held, Guarded):
    """The rules, in the order in which they are asked. Whoever writes one opens applications: they
    must have signed in recently, and it is an event.
    """

    form = RuleForm
    writes_events = True
    change_list_template = "gateway/rules.html"
    list_display = ("slug", "order", "host", "path", "access", "whom", "enabled")
    list_filter = ("enabled", "access", "host")
    list_per_page = 50
    search_fields = ("slug", "host", "path", "note")
    actions = ("disable",)
    fieldsets = (
        (None, {"fields": ("slug", "order", "enabled", "note")}),
        (_("Which requests"), {"fields": ("host", "path", "methods")}),
        (
            _("Who may come in"),
            {"fields": ("access", "types", "groups", "strength", "proof_seconds")},
        ),
        (_("What the application gets"), {"fields": ("remote_user", "pass_token", "websockets")}),
        (_("Signing out"), {"fields": ("cookies", "clear_storage")}),
    )

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep the name of a rule that exists: files and events know it."""
        return ("slug",) if obj else ()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Add what a page that can be sent says of what it shows."""
        (title, first), *others = super().get_fieldsets(request, obj)
        fields = [*first["fields"], *self.seen_name(request, obj)]
        return [(title, {**first, "fields": fields}), *others]

    def get_form(self, request: HttpRequest, obj: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Return a form that knows who edits."""
        form: Any = super().get_form(request, obj, *args, **kwargs)
        form.actor = request.user
        return form

    @admin.display(description=_("only"))
    def whom(self, rule: AccessRule) -> str:
        """Return the types and groups that a rule asks for."""
        return ", ".join([*rule.types, *rule.groups]) or "-"

    def save_model(self, request: HttpRequest, obj: AccessRule, form: Any, change: bool) -> None:
        """Save through the one place that tells every worker and the trail."""
        rule_rows.save(obj, _BY, incoming.visit(request), **self._who(request))

    def delete_model(self, request: HttpRequest, obj: AccessRule) -> None:
        """Delete through the same place."""
        rule_rows.delete([obj], _BY, incoming.visit(request), **self._who(request))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Ask for all rights where others would hand out more in a rule's place."""
        may = super().has_delete_permission(request, obj)
        return may and (obj is None or not self._heirs(request, [obj]))

    @admin.action(description=_("Disable"), permissions=["change"])
    def disable(self, request: HttpRequest, rows: QuerySet[AccessRule]) -> None:
        """Disable rules; what they let in falls to those that follow."""
        visit, chosen = incoming.visit(request), list(rows)
        if heirs := self._heirs(request, chosen):
            self.message_user(request, _FALLS % heirs, messages.ERROR)
            return
        slugs = rule_rows.disable(chosen, _BY, visit, **self._who(request))
        self.message_user(request, gettext("Disabled: %s") % (", ".join(slugs) or "-"))

    @staticmethod
    def _heirs(request: HttpRequest, gone: list[AccessRule]) -> str:
        return "" if request.user.is_superuser else passing.heirs(gone)

    @staticmethod
    def _who(request: HttpRequest) -> dict[str, Any]:
        session = incoming.session_of(request)
        return {
            "user_id": request.user.pk,
            "source": session.source,
            "session_type": session.type,
            "session_uid": session.uid,
        }

    # --- The tester -------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        """Add the page that tries the rules."""
        page = self.admin_site.admin_view(self.try_request)
        return [path("try/", page, name="gateway_accessrule_try"), *super().get_urls()]

    def try_request(self, request: HttpRequest) -> HttpResponse:
        """Show what would happen to a request, and why. Raises `PermissionDenied`."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        sees_people = request.user.has_perm("accounts.view_user")
        form = TrialForm(request.GET or None, sees_people=sees_people)
        outcome = form.outcome() if form.is_bound and form.is_valid() else None
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("Try a request"),
            "opts": self.opts,
            "form": form,
            "outcome": outcome,
        }
        return TemplateResponse(request, "gateway/try.html", context)
