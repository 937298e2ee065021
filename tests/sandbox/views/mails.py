"""The mails of the demo, which nobody's mail server gets."""

from __future__ import annotations

from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from tests.sandbox import mail


@never_cache
@require_safe
def mails(request: HttpRequest) -> HttpResponse:
    """Show those of the last day, the newest first."""
    shown = [{**each, "sent": datetime.fromtimestamp(each["sent"], UTC)} for each in mail.kept()]
    return render(request, "sandbox/mails.html", {"mails": shown})
