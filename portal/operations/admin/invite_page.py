"""The page on which many people are invited at once."""

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.models import User
from portal.door import answers, incoming
from portal.door.guarded import Guarded
from portal.operations import invitations

LARGEST = 200 * 1024
EXAMPLE = f"{','.join(invitations.COLUMNS)}\nmette,Mette Holm,mette@example.org,Readers|Registry"


class TableForm(forms.Form):
    """A table, as a file or as text."""

    file = forms.FileField(
        required=False,
        label=gettext_lazy("A file (CSV)"),
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
    )
    text = forms.CharField(
        required=False,
        max_length=LARGEST,
        label=gettext_lazy("Or its text"),
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
    )

    def clean(self) -> dict[str, Any]:
        """Return the table as `table`. Raises `ValidationError` for none, and for no text."""
        cleaned = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        file, text = cleaned.get("file"), cleaned.get("text", "")
        if file is not None and file.size > LARGEST:
            raise ValidationError(_("The file is too large."))
        try:
            cleaned["table"] = file.read().decode("utf-8-sig") if file else text
        except UnicodeDecodeError:
            raise ValidationError(_("Save the file as UTF-8.")) from None
        if not cleaned["table"].strip() or "\0" in cleaned["table"]:
            raise ValidationError(_("There is nobody in the table."))
        return cleaned


class InvitePage(Guarded):
    """Adds the page to the people's pages of the administration."""

    def get_urls(self) -> list[URLPattern]:
        """Add the page."""
        view = self.admin_site.admin_view(self.invite_view)
        return [path("invite/", view, name="accounts_user_invite"), *super().get_urls()]

    def invite_view(self, request: HttpRequest) -> HttpResponse:
        """Take a table and invite all of its people, or say what is wrong in which line.

        Raises `PermissionDenied` without the right to add people.
        """
        if not self.has_add_permission(request):
            raise PermissionDenied
        return self._guarded(True, self._invite, request)

    def _invite(self, request: HttpRequest) -> HttpResponse:
        posted = request.method == "POST"
        form = TableForm(request.POST if posted else None, request.FILES if posted else None)
        faults: Any = ()
        if posted and form.is_valid():
            by = User.objects.get(pk=cast(User, request.user).pk)
            try:
                count = invitations.invite(form.cleaned_data["table"], by, incoming.visit(request))
            except invitations.Faulty as error:
                faults = error.faults
            else:
                said = ngettext("%d person is invited.", "%d people are invited.", count) % count
                self.message_user(request, said, messages.SUCCESS)
                return answers.see_other(reverse("admin:accounts_user_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Invite people"),
            "opts": self.opts,
            "form": form,
            "faults": faults,
            "most": invitations.MOST,
            "example": EXAMPLE,
        }
        return TemplateResponse(request, "operations/invite.html", context)
