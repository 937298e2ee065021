"""The first key that signs: made at its first use."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.db import connection

from portal.authorization_server import keys
from portal.authorization_server.models import SigningKey
from tests.http.oidc.conftest import parallel

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_first_key_is_made_once_and_no_transaction_lasts_meanwhile(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make, in_transaction = rsa.generate_private_key, []

    def watched(**how: Any) -> Any:
        in_transaction.append(connection.in_atomic_block)
        return make(**how)

    monkeypatch.setattr(rsa, "generate_private_key", watched)
    parallel(12, lambda: keys.sign({"sub": "somebody"}))
    keys.rotate()
    assert in_transaction == [False, False]
    assert SigningKey.objects.count() == 2
    assert SigningKey.objects.filter(current__isnull=False).count() == 1
