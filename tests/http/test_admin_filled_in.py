"""A link to a page of the administration that adds something fills nothing in: whoever sent it
would have somebody with more rights save what they did not type, also where the page is folded.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import User
from tests.http.conftest import PASSWORD, sign_in

pytestmark = pytest.mark.rights

LINKS = {
    "accounts/user/add/": {"username": "jens", "is_staff": "on", "is_superuser": "on", "roles": 1},
    "auth/group/add/": {"name": "Readers"},
    "authorization_server/client/add/": {
        "name": "Archive", "redirect_uris": "https://evil.example/", "skip_authorization": "on",
        "introspects": "on", "allowed_scopes": "openid gateway",
    },
    "gateway/accessrule/add/": {"slug": "x", "host": "files.example.org", "pass_token": "on"},
    "operations/maintenancenotice/add/": {"english": "Sign in at evil.example"},
    "accounts/source/add/": {
        "staff": "on", "verifies_mail": "on", "set-issuer": "https://evil.example",
        "set-inside": "on", "mapping": "all = Rulers", "label": "Town", "note": "Hello",
    },
}  # fmt: skip

MADE = {"client_id", "shown_from"}


@pytest.fixture
def admin(client: Client, house: None) -> Client:
    User.objects.create_superuser("ada", PASSWORD, email="ada@example.org")
    sign_in(client, "ada")
    return client


def fields(answer: Any) -> dict[str, Any]:
    """Return what stands in each field of a form, but an id that is made anew each time."""
    form = answer.context["adminform"].form
    return {name: form[name].value() for name in form.fields if name not in MADE}


@pytest.mark.parametrize("page", LINKS)
def test_i04_a_link_fills_nothing_in(admin: Client, page: str) -> None:
    rights = ",".join(str(each.pk) for each in Permission.objects.all())
    sent = {**LINKS[page], "user_permissions": rights, "permissions": rights, "groups": rights}
    step = {"slug": "town", "provider": "oidc"} if "source" in page else {}
    plain, linked = (admin.get(f"/admin/{page}", {**step, **more}) for more in ({}, sent))
    assert fields(linked) == fields(plain)
    assert step.items() <= fields(plain).items(), "the first step of a source leads to the second"
