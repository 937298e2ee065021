"""The page of one person, and what can be done there: end sessions, disable, take a way in away."""

from collections.abc import Collection
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import events
from accounts.factors import passkeys
from accounts.models import Identity, Passkey, StoredSession, User
from accounts.session import administrators, people
from accounts.source import groups
from accounts.telling import tell
from portal.door import answers, incoming
from portal.door.guarded import NothingDoneError, prove_own
from portal.operations import person as reading
from portal.operations.admin import duty_field
from portal.operations.admin.forms import LET_BACK
from portal.operations.admin.merge_page import MergePage, may_merge
from portal.operations.admin.records import record_ended
from portal.operations.admin.reset_page import state_of
from portal.operations.rights import (
    may_empower,
    may_lift,
    may_manage,
    may_sign_out,
    may_weaken,
)

# What the account page asks for a second factor of who has one.
_WAYS_IN = frozenset({"unlink", "remove-passkey"})


class PersonPage(MergePage):
    """Adds the page to the people's pages of the administration."""

    def get_urls(self) -> list[URLPattern]:
        """Add the page."""
        view = self.admin_site.admin_view(self.person_view)
        own = path("<int:pk>/person/", view, name="accounts_user_person")
        return [own, *super().get_urls()]

    def person_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show a person, or do what a button says, soon after a sign-in.

        Raises `Http404` for nobody, `PermissionDenied` without the right.
        """
        found = User.objects.filter(pk=pk).first()
        if found is None:
            raise Http404
        if not self.has_view_permission(request, found):
            raise PermissionDenied
        view = self._act if request.method == "POST" else self._page
        return self._guarded(request.method == "POST", view, request, found)

    def _page(self, request: HttpRequest, person: User) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": str(person),
            "opts": self.opts,
            "original": person,
            "known": reading.dossier(person),
            "second": state_of(request.user, person),
            "let_back": LET_BACK,
            "may": {
                "change": self.has_change_permission(request, person),
                "merge": may_merge(request.user, person),
                "disable": self._may_disable(request, person),
                "enable": self._may_enable(request, person),
                "unlink": self._may_unlink(request, person),
                "remove_passkey": self._may_remove_passkey(request, person),
                "end": self._may_end(request, person),
            },
            "shows": {
                name: request.user.has_perm(f"accounts.view_{name}")
                or request.user.has_perm(f"accounts.{verb}_{name}")
                for name, verb in (
                    ("identity", "delete"), ("passkey", "delete"),
                    ("storedsession", "delete"), ("event", "view"),
                )
            },
        }  # fmt: skip
        return TemplateResponse(request, "operations/person.html", context)

    def _act(self, request: HttpRequest, person: User) -> HttpResponse:
        act = request.POST.get("act", "")
        doing = {
            "end": self._end, "end-all": self._end_all, "disable": self._disable,
            "enable": self._enable, "unlink": self._unlink,
            "remove-passkey": self._remove_passkey,
        }.get(act)  # fmt: skip
        if doing is None:
            raise Http404
        again = prove_own(request, person) if act in _WAYS_IN else None
        if again:
            return again
        doing(request, person)
        return answers.see_other(reverse("admin:accounts_user_person", args=[person.pk]))

    # --- What the buttons do ----------------------------------------------------------------------

    def _end(self, request: HttpRequest, person: User) -> None:
        uid = request.POST.get("session", "")
        self._end_rows(request, person, StoredSession.objects.filter(user=person, uid=uid))

    def _end_all(self, request: HttpRequest, person: User) -> None:
        own = StoredSession.objects.filter(user=person)
        self._end_rows(request, person, own, [person.pk])

    def _end_rows(
        self, request: HttpRequest, person: User, rows: Any, waiting: Collection[int] = ()
    ) -> None:
        if not self._may_end(request, person):
            raise PermissionDenied
        with transaction.atomic():
            people.end_waiting(waiting)
            gone = people.end_with_children(rows)
            record_ended(request, gone)
        count = len(gone)
        said = ngettext("%d session has ended.", "%d sessions have ended.", count) % count
        self.message_user(request, said, messages.SUCCESS if count else messages.WARNING)

    def _disable(self, request: HttpRequest, person: User) -> None:
        if not self._may_disable(request, person):
            raise PermissionDenied
        with administrators.kept():
            if not people.disable(person):
                self._say_over(request)
                return
        said = _("%s is disabled, and signed out everywhere.") % person
        self.message_user(request, said, messages.SUCCESS)

    def _enable(self, request: HttpRequest, person: User) -> None:
        if not self._may_enable(request, person):
            raise PermissionDenied
        with transaction.atomic():
            former = User.objects.filter(pk=person.pk, status=User.Status.DISABLED)
            if not former.update(status=User.Status.ACTIVE):
                self._say_over(request)
                return
            events.record(events.event("person.status_changed", user=person, detail="active"))
        self.message_user(request, _("%s may sign in again.") % person, messages.SUCCESS)

    def _unlink(self, request: HttpRequest, person: User) -> None:
        if not self._may_unlink(request, person):
            raise PermissionDenied
        ways = Identity.objects.select_related("source", "user")
        way = ways.filter(pk=incoming.number(request, "identity")).first()
        if way is None:
            self._say_over(request)
            return
        if way.user_id != person.pk:
            raise Http404
        reason = reason_of(request)
        try:
            unlink(request, way, reason)
        except groups.DutyError:
            said = duty_field.why_kept(request.user, person)
            self.message_user(request, said, messages.ERROR)
            return
        said = _("Taken away. Nobody can sign in as %s that way any more.") % person
        self.message_user(request, said, messages.SUCCESS)

    def _remove_passkey(self, request: HttpRequest, person: User) -> None:
        if not self._may_remove_passkey(request, person):
            raise PermissionDenied
        reason = reason_of(request)
        number, visit = incoming.number(request, "passkey"), incoming.visit(request)
        if not passkeys.remove(person.pk, number, visit, reason):
            if Passkey.objects.filter(pk=number).exists():
                raise Http404
            self._say_over(request)
            return
        said = _("Taken away. Nobody can sign in as %s by that passkey any more.") % person
        self.message_user(request, said, messages.SUCCESS)

    def _say_over(self, request: HttpRequest) -> None:
        """Say that another tab, or a colleague, was quicker."""
        self.message_user(request, _("That was over already."), messages.WARNING)

    # --- Who may ----------------------------------------------------------------------------------

    def _may_disable(self, request: HttpRequest, person: User) -> bool:
        return person.pk != request.user.pk and self.has_change_permission(request, person)

    def _may_enable(self, request: HttpRequest, person: User) -> bool:
        return self._may_disable(request, person) and may_empower(request.user, person)

    @staticmethod
    def _may_end(request: HttpRequest, person: User) -> bool:
        permitted = request.user.has_perm("accounts.delete_storedsession")
        return permitted and may_sign_out(request.user, person)

    @staticmethod
    def _may_unlink(request: HttpRequest, person: User) -> bool:
        permitted = request.user.has_perm("accounts.delete_identity")
        return permitted and may_manage(request.user, person)

    @staticmethod
    def _may_remove_passkey(request: HttpRequest, person: User) -> bool:
        permitted = request.user.has_perm("accounts.delete_passkey")
        by = request.user
        return permitted and may_manage(by, person) and may_weaken(by, person)


def reason_of(request: HttpRequest) -> str:
    """Return why a way in is taken away. Raises `NothingDoneError` where no reason was given."""
    reason = request.POST.get("reason", "").strip()
    if not reason:
        raise NothingDoneError(_("Say why this way in is taken away: the events keep the reason."))
    return reason


def unlink(request: HttpRequest, way: Identity, reason: str) -> None:
    """Take a way in away, and end the sessions that came by it. Raises `LastAdministratorError`,
    and `DutyError` for one by which staff must have a second factor, without all rights.
    """
    with administrators.kept():
        slug, user = way.source.slug, way.user
        record_ended(request, people.unlink(way, may_lift=may_lift(request.user, way)))
        tell("identity.unlinked", user, incoming.visit(request), source=slug, detail=reason)


def link_to(person: Any) -> str:
    """Return the address of a person's page."""
    return reverse("admin:accounts_user_person", args=[cast(User, person).pk])
