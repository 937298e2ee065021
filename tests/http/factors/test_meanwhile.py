"""What happens while a sign-in waits for its second step, and leaves nothing of it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from accounts.factors import keeping, totp
from accounts.models import StoredSession, User
from tests.http.conftest import PASSWORD, sign_in
from tests.http.factors.conftest import SECOND, begun, under, went_in

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("how", ["others", "desk", "list"])
def test_end_all_ends_what_waits(person: User, how: str) -> None:
    owner = Client()
    sign_in(owner)
    under(person)
    waiting = begun()
    desk = owner
    if how != "others":
        User.objects.create_superuser("root", PASSWORD)
        desk = Client()
        sign_in(desk, "root")
    uids = list(StoredSession.objects.filter(user=person).values_list("uid", flat=True))
    path, form = {
        "others": ("/account/sessions", {"end": "others"}),
        "desk": (f"/admin/accounts/user/{person.pk}/person/", {"act": "end-all"}),
        "list": (
            "/admin/accounts/storedsession/",
            {"action": "end_sessions", "_selected_action": uids},
        ),
    }[how]
    assert desk.post(path, form).status_code in {302, 303}
    made = keeping.offer(person)
    code = totp.code_of(made.secret, totp.step_at(timezone.now()))
    waiting.post(SECOND, {"offer": made.sealed, "code": code})
    assert not went_in(waiting)
    assert not totp.exists(person)
