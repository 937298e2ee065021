"""The page on which the desk takes a lost authenticator away, in two steps (docs/second-factors.md
5).
"""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _

from accounts.factors import codes, duty, keeping
from accounts.models import TotpKey, User
from portal.door import answers, incoming
from portal.door.guarded import Guarded
from portal.operations.rights import may_manage

_LONGEST = 200


class ResetPage(Guarded):
    """Adds the page to the people's pages of the administration."""

    def get_urls(self) -> list[URLPattern]:
        """Add the page."""
        view = self.admin_site.admin_view(self.reset_view)
        own = path("<int:pk>/second-factor/", view, name="accounts_user_second_factor")
        return [own, *super().get_urls()]

    def reset_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask why, then ask whether it is sure, and reset: soon after a sign-in.

        Raises `Http404` for nobody, `PermissionDenied` without the right.
        """
        person = User.objects.filter(pk=pk).first()
        if person is None:
            raise Http404
        if not may_reset(request.user, person):
            raise PermissionDenied
        return self._guarded(True, self._reset, request, person)

    def _reset(self, request: HttpRequest, person: User) -> HttpResponse:
        reason = request.POST.get("reason", "").strip()[:_LONGEST]
        if reason and "sure" in request.POST:
            gone = keeping.remove(person, incoming.visit(request), "second.reset", reason)
            done = _("%s signs in with the password alone now.")
            if duty.is_due(person):
                done = _("At the next sign-in %s has to set up another second step.")
            said = done % person if gone else _("There was nothing to reset.")
            self.message_user(request, said)
            return answers.see_other(reverse("admin:accounts_user_person", args=[person.pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Reset the second step"),
            "opts": self.opts,
            "original": person,
            "reason": reason,
            "missing": request.method == "POST" and not reason,
            "must": duty.due_at(person) is not None,
        }
        return TemplateResponse(request, "operations/second_factor.html", context)


def may_reset(actor: Any, person: User) -> bool:
    """Tell whether `actor` may take a person's second step away: never their own, for which they
    have the account page, and of those who open the administration only with all rights.
    """
    if person.pk == actor.pk or not actor.has_perm("accounts.change_user"):
        return False
    if person.opens_administration() and not actor.is_superuser:
        return False
    return may_manage(actor, person)


def state_of(actor: Any, person: User) -> dict[str, Any]:
    """Return what a person's page says of their second step, and whether `actor` may reset it."""
    row = TotpKey.objects.filter(user_id=person.pk).first()
    return {
        "since": row.created_at if row else None,
        "left": codes.left(person) if row else 0,
        "due": duty.due_at(person),
        "may_reset": row is not None and may_reset(actor, person),
    }
