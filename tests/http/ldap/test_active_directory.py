"""Active Directory's attributes, at a server that has them: the identity in bytes, the flag."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from accounts import cache
from accounts.models import Identity
from accounts.session import following
from tests.http.ldap.conftest import Work, enter
from tests.peers import fresh
from tests.peers.slapd import GUID, Directory, dn

pytestmark = pytest.mark.django_db(transaction=True)

SETTINGS: dict[str, Any] = {
    "user_filter": "(&(objectClass=person)(sAMAccountName={username}))",
    "id_attribute": "objectGUID",
}


def test_the_identity_is_decoded_and_its_person_found_again(
    client: Client, work: Work, directory: Directory
) -> None:
    work(**SETTINGS)
    assert enter(client, "ADAM", "ldap-ad")["Location"] == "/account/"
    assert Identity.objects.get(source__slug="work").subject == str(GUID)
    assert following.recheck_due() == 0
    directory.modify(dn("ad"), userAccountControl="514")
    refused = enter(Client(), "adam", "ldap-ad")
    assert (refused.status_code, b"has been closed" in refused.content) == (403, True)
    following._asked.clear()
    fresh.worker()
    cache.shared.delete("recheck:work")
    assert following.recheck_due() == 1
    directory.modify(dn("ad"), userAccountControl="512")
