"""Pages that change who may do what: soon after a sign-in, and never the last who can."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.session import administrators
from accounts.strength import named
from portal import conf
from portal.door import answers, proving, ways_in


def prove_own(request: HttpRequest, person: User) -> HttpResponse | None:
    """Return the way to a fresh sign-in for people who change how they sign in themselves, as
    strong as the account page asks for; None after it, and for other people's ways in.
    """
    if person.pk != request.user.pk:
        return None
    return proving.prove_again(request, request.get_full_path(), ways_in.proof_of(person))


class NothingDoneError(Exception):
    """What was asked for is not done. Its text says why, on the page where it was asked for."""


class Guarded(admin.ModelAdmin):  # type: ignore[type-arg]
    """Asks whoever writes for a fresh sign-in: before a form is filled in, and when it is sent."""

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        """Ask those who may write first; others look."""
        may = self.has_change_permission if object_id else self.has_add_permission
        view = super().changeform_view
        return self._guarded(may(request), view, request, object_id, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Ask first."""
        may = self.has_delete_permission(request)
        return self._guarded(may, super().delete_view, request, *args, **kwargs)

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Ask before an action."""
        acts = request.method == "POST" and self.has_view_permission(request)
        return self._guarded(acts, super().changelist_view, request, *args, **kwargs)

    def _guarded(
        self, ask: bool, view: Callable[..., Any], request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        path = request.get_full_path()
        level = named(conf.staff_strength())
        again = proving.prove_again(request, path, level) if ask else None
        if again:
            return again
        try:
            response: HttpResponse = view(request, *args, **kwargs)
        except administrators.LastAdministratorError:
            said = _("Nobody with all rights could come in any more. Make another one first.")
            self.message_user(request, said, messages.ERROR)
            return answers.see_other(path)
        except NothingDoneError as error:
            self.message_user(request, str(error), messages.ERROR)
            return answers.see_other(path)
        return response
