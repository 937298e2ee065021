"""The duty to have a second step, as forms of people and groups have it: nobody lifts their own."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils import formats
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts import events
from accounts.factors import duty
from accounts.models import FactorDuty, User
from portal.door import incoming
from portal.operations.rights import may_weaken

NAME = "second_factor"
OWN_DUTY = _("Somebody with all rights must lift a duty that you are under yourself.")
STAFFS_DUTY = _(
    "Only somebody with all rights lifts a duty of those who may open the administration."
)
_DAYS = (0, 7, 14, 30, 90)


class DutyField(forms.TypedChoiceField):
    """No duty, or after how many days a second step must be there: None, or the days."""

    def __init__(self) -> None:
        super().__init__(
            coerce=int,
            empty_value=None,
            required=False,
            label=_("Must have a second step"),
            help_text=_(
                "A code beside the password. Until the days are over, people are reminded."
            ),
        )

    def offer(self, held: int | None) -> None:
        """Fill in the choices, among them the one that is `held`."""
        known = sorted({*_DAYS, *([] if held is None else [held])})
        self.choices = [("", gettext("No")), *((each, in_words(each)) for each in known)]


def in_words(days: int | None) -> str:
    """Return a duty in words."""
    if days is None:
        return gettext("No")
    if not days:
        return gettext("At the next sign-in")
    return ngettext("After %(count)d day", "After %(count)d days", days) % {"count": days}


def fill(form: Any) -> None:
    """Show in a form what is held now of its person or group."""
    held = duty.days_of(_owner(form.instance)) if form.instance.pk else None
    form.initial[NAME] = "" if held is None else held
    if NAME in form.fields:  # not where a page only shows
        form.fields[NAME].offer(held)


def refuse_own(form: Any, actor: Any) -> None:
    """Add an error for whoever would lift, or put off, a duty that they are under, or another does
    who opens the administration; leaving a group that has one lifts it as well.
    """
    target, held = form.instance, form.initial.get(NAME)
    wanted = form.cleaned_data.get(NAME)
    looser = held not in {"", None} and (wanted is None or wanted > held)
    if NAME in form.fields and looser and not _may_lift(actor, target):
        form.add_error(NAME, why_kept(actor, target))
    if isinstance(target, User) and target.pk and not actor.is_superuser:
        kept = {each.pk for each in form.cleaned_data.get("groups") or ()}
        left = "groups" in form.fields and groups_under(target) - kept
        if left and not _may_lift(actor, target):
            form.add_error("groups", why_kept(actor, target))


def why_kept(actor: Any, target: User | Group) -> Any:
    """Return why `actor` may not lift a duty of `target`."""
    other = isinstance(target, User) and target.pk != actor.pk
    return STAFFS_DUTY if other else OWN_DUTY


def groups_under(person: Any) -> set[int]:
    """Return the keys of a person's groups that have a duty."""
    rows = FactorDuty.objects.filter(group__user=person.pk)
    return set(rows.values_list("group_id", flat=True))


def save(request: HttpRequest, form: Any, target: User | Group) -> None:
    """Put the person or group under the duty that the form says, with an event of a change."""
    if NAME not in form.cleaned_data:
        return
    days = form.cleaned_data[NAME]
    if duty.set_for(_owner(target), days):
        whose = target if isinstance(target, User) else None
        named = "" if whose else f"group {target}: "
        said = "no" if days is None else f"after {days} days"
        visit = incoming.visit(request)
        events.record(events.event("duty.changed", visit, user=whose, detail=named + said))


def shown(target: Any) -> str:
    """Return the duty of a person or group in words, with the day for one that is not due yet."""
    row = FactorDuty.objects.filter(**_owner(target)).first() if target else None
    if row is None:
        return in_words(None)
    if not duty.remaining(row.due_at):
        return gettext("Yes")
    return gettext("From %s on") % formats.date_format(row.due_at)


def _may_lift(actor: Any, target: User | Group) -> bool:
    """Tell whether `actor` may lift a duty: never their own, and of their groups, or of others who
    open the administration, only with all rights.
    """
    if isinstance(target, User):
        return target.pk != actor.pk and may_weaken(actor, target)
    return bool(actor.is_superuser) or target.pk not in groups_under(actor)


def _owner(target: User | Group) -> Mapping[str, Any]:
    return {"user": target} if isinstance(target, User) else {"group": target}
