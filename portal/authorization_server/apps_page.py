"""The account page of applications: what they were allowed, and the way to withdraw it."""

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.models import User
from portal.authorization_server import clients, consents
from portal.door import answers, incoming


@require_http_methods(["GET", "POST"])
def apps(request: HttpRequest) -> HttpResponse:
    """List the applications that a person has let in; withdraw one."""
    person = cast(User, request.user)
    if request.method == "POST":
        client = clients.find(request.POST.get("withdraw", ""))
        if client is None or not consents.withdraw(person, client, incoming.visit(request)):
            return answers.over_already(request, "/account/apps")
        messages.success(request, _("Withdrawn. The application is signed out."))
        return answers.see_other("/account/apps")
    rows = [
        {
            "client": each.client.name or each.client.client_id,
            "client_id": each.client.client_id,
            "words": consents.in_words(scopes, resources),
            "since": each.created_at,
        }
        for each, scopes, resources in consents.of_person(person.pk)
    ]
    return answers.page(request, "account/apps.html", {"rows": rows, "here": "apps"})
