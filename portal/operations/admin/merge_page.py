"""The page on which two people who are one become one."""

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.models import User
from accounts.models.users import username_key
from accounts.session import merging
from portal.door import answers, incoming
from portal.door.guarded import prove_own
from portal.operations import person as reading
from portal.operations import roles
from portal.operations.admin.reset_page import ResetPage
from portal.operations.rights import may_give, may_manage

_RIGHTS = ("accounts.change_user", "accounts.delete_user", "accounts.delete_identity")


class OtherForm(forms.Form):
    """Who the other one is: a username, an e-mail address or an id, of one person only."""

    other = forms.CharField(
        max_length=254,
        label=gettext_lazy("The other person"),
        help_text=gettext_lazy("Username, e-mail address or id."),
    )

    def clean_other(self) -> User:
        """Return the person. Raises `ValidationError` for nobody, and for several."""
        typed = self.cleaned_data["other"].strip()
        named = Q(username_key=username_key(typed)) | Q(uid=typed) | Q(email__iexact=typed)
        found = list(User.objects.filter(named)[:2])
        if len(found) != 1:
            raise ValidationError(
                _("Several people are called so: give the username.")
                if found
                else _("Nobody is called so.")
            )
        return found[0]


class MergePage(ResetPage):
    """Adds the page to the people's pages of the administration."""

    def get_urls(self) -> list[URLPattern]:
        """Add the page."""
        view = self.admin_site.admin_view(self.merge_view)
        own = path("<int:pk>/merge/", view, name="accounts_user_merge")
        return [own, *super().get_urls()]

    def merge_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask who the other one is, show both, and merge them, soon after a sign-in.

        Raises `Http404` for nobody, `PermissionDenied` without the right.
        """
        stays = User.objects.filter(pk=pk).first()
        if stays is None:
            raise Http404
        if not may_merge(request.user, stays):
            raise PermissionDenied
        return self._guarded(True, self._merge, request, stays)

    def _merge(self, request: HttpRequest, stays: User) -> HttpResponse:
        again = prove_own(request, stays)  # who gets ways in
        if again:
            return again
        given = request.POST if request.method == "POST" else request.GET
        form = OtherForm(given if "other" in given else None)
        goes = form.cleaned_data["other"] if form.is_valid() else None
        if goes and (problem := fault(request.user, stays, goes)):
            form.add_error("other", problem)
            goes = None
        if goes and request.method == "POST":
            return self._merged(request, stays, goes)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Merge with another person"),
            "opts": self.opts,
            "original": stays,
            "form": form,
            "pair": [reading.dossier(each) for each in (stays, goes) if each] if goes else [],
            "bare": goes and merging.leaves_ways_in(stays, goes),
            "groups": [roles.label_of(each) for each in new_groups(stays, goes)] if goes else [],
        }
        return TemplateResponse(request, "operations/merge.html", context)

    def _merged(self, request: HttpRequest, stays: User, goes: User) -> HttpResponse:
        name, by = str(goes), User.objects.get(pk=cast(User, request.user).pk)
        try:
            merging.merge(stays, goes, new_groups(stays, goes), by, incoming.visit(request))
        except merging.CannotMerge:
            said = _("One of the two was changed meanwhile. Look again.")
            self.message_user(request, said, messages.ERROR)
            return answers.see_other(reverse("admin:accounts_user_changelist"))
        said = _("%s is the same person now, and was signed out.") % name
        self.message_user(request, said, messages.SUCCESS)
        return answers.see_other(reverse("admin:accounts_user_person", args=[stays.pk]))


def may_merge(actor: Any, person: User) -> bool:
    """Tell whether `actor` may make `person` one with somebody else: whoever comes in by the new
    way has all that the person has, so an administrator's account is for those with all rights.
    """
    if person.opens_administration() and not actor.is_superuser:
        return False
    return actor.has_perms(_RIGHTS) and may_manage(actor, person)


def fault(actor: Any, stays: User, goes: User) -> str:
    """Return why the two cannot be merged by `actor`, in words; else nothing."""
    if stays.pk == goes.pk:
        return _("That is the same person already.")
    if goes.pk == actor.pk:
        return _("You cannot merge yourself away. Start at your own page.")
    if not may_merge(actor, goes):
        return _("This person may do more than you, or opens the administration.")
    if User.Status.DISABLED in {stays.status, goes.status}:
        return _("One of the two is disabled. Let them sign in again first.")
    if not may_give(actor, new_groups(stays, goes), ()):
        return _("The other person is in a group that you may not give.")
    return ""


def new_groups(stays: User, goes: User) -> list[Group]:
    """Return the groups that `stays` gets: those of `goes`. Roles and single rights are not handed
    on.
    """
    held = set(stays.groups.values_list("pk", flat=True))
    others = goes.groups.order_by("name")
    return [each for each in others if each.pk not in held and not roles.is_role(each)]
