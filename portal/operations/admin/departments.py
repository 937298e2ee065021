"""Groups: departments, what they may do, and roles, which the code keeps."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin
from django.contrib.auth.models import Group
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts import ended
from portal.door import seen_field
from portal.door.guarded import Guarded
from portal.door.seen_field import Held
from portal.operations import roles
from portal.operations.admin import duty_field
from portal.operations.admin.forms import GroupForm
from portal.operations.admin.records import PER_PAGE
from portal.operations.rights import may_give

admin.site.unregister(Group)


@admin.register(Group)
class RoleAdmin(Held, Guarded, GroupAdmin):
    """Groups, a page of which can be ticked whole. Whoever has not all rights changes only those
    that they are in, and never the name: a source or a front end may go by it.
    """

    list_per_page = PER_PAGE
    list_display = ("shown_name", "purpose", "members")
    actions = ("delete_selected",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        """Return the groups with the number of their people."""
        rows: QuerySet[Group] = super().get_queryset(request)
        return rows.annotate(size=Count("user", distinct=True))

    @admin.display(description=_("Group"), ordering="name")
    def shown_name(self, group: Group) -> str:
        """Return its name; of a role its words."""
        return roles.label_of(group)

    @admin.display(description=Group._meta.get_field("permissions").verbose_name)
    def rights(self, group: Group) -> SafeString:
        """Return in words what its permissions do by themselves, for who may only look."""
        held = roles.single_rights(()).filter(group=group)
        said = sorted(roles.in_words(each) for each in held)
        return format_html_join(SafeString("<br>"), "{}", ((each,) for each in said))

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **more: Any
    ) -> HttpResponse:
        """Head the page of a role by its words."""
        group = more.get("obj")
        own = {**context, "subtitle": roles.label_of(group) if group else None}
        return super().render_change_form(request, own, *args, **more)

    @admin.display(description=_("What it is for"))
    def purpose(self, group: Group) -> str:
        """Return what a role is for."""
        role = roles.of_group(group)
        return str(role.help) if role else "-"

    @admin.display(description=_("People"), ordering="size")
    def members(self, group: Group) -> int:
        """Return how many are in it."""
        return int(group.size)  # type: ignore[attr-defined]  # get_queryset

    @admin.display(description=_("Must have a second step"))
    def second_factor(self, group: Group) -> str:
        """Return the duty in words, for who may only look."""
        return duty_field.shown(group)

    def get_form(self, request: HttpRequest, obj: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Return a form that knows who edits."""
        form: Any = super().get_form(request, obj, *args, form=GroupForm, **kwargs)
        form.actor = request.user
        return form

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Leave out what only a form that is sent has, where nothing is sent."""
        shown: Any = super().get_fields(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return [name for name in shown if obj or name != seen_field.NAME]
        in_words = {"name": "shown_name", "permissions": "rights"}
        return [in_words.get(name, name) for name in shown if name != seen_field.NAME]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Keep the name of what exists."""
        return ["name"] if obj and not request.user.is_superuser else []

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let nobody change what gives more than they have."""
        permitted = super().has_change_permission(request, obj)
        return permitted and (obj is None or self._may_touch(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let nobody take away what gives more than they have, or a duty of their own."""
        permitted = super().has_delete_permission(request, obj)
        lifts = obj is not None and obj.pk in duty_field.groups_under(request.user)
        kept = lifts and not request.user.is_superuser
        return permitted and not kept and (obj is None or self._may_touch(request, obj))

    @staticmethod
    def _may_touch(request: HttpRequest, group: Group) -> bool:
        """Tell whether a group may be written: roles are kept by the code."""
        return not roles.is_role(group) and may_give(request.user, [group], ())

    def save_model(self, request: HttpRequest, obj: Group, form: Any, change: bool) -> None:
        """Save; the rules of applications go by a group's name."""
        super().save_model(request, obj, form, change)
        duty_field.save(request, form, obj)
        ended.announce(ended.RULE, [str(obj.pk)])

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        """Delete; who was in it is so no more, in every worker within a second."""
        super().delete_model(request, obj)
        ended.announce(ended.RULE, [str(obj.pk)])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Group]) -> None:
        """Delete several."""
        super().delete_queryset(request, queryset)
        ended.announce(ended.RULE, ["groups"])
