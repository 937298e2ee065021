"""Which changes of rules have more of people's tokens passed on (docs/gateway.md 9)."""

from __future__ import annotations

from typing import Any

import pytest

from portal.gateway import passing
from portal.gateway.models import AccessRule

HELD: dict[str, Any] = {
    "slug": "files", "host": "files.example.org", "path": "/a", "pass_token": True,
    "methods": ["GET", "PUT"], "types": ["ldap"], "groups": ["Desk"], "strength": "substantial",
    "proof_seconds": 600,
}  # fmt: skip


@pytest.mark.parametrize(
    "changed",
    [
        {"groups": []}, {"groups": ["Desk", "Readers"]}, {"types": []}, {"methods": []},
        {"methods": ["GET", "POST"]}, {"strength": "low"}, {"proof_seconds": 0}, {"path": "/"},
        {"proof_seconds": 601}, {"order": 1}, {"host": "b.example.org"}, {"websockets": True},
    ],
)  # fmt: skip
def test_a_rule_that_passes_tokens_on_grows_only_by_all_rights(changed: dict[str, Any]) -> None:
    assert passing.passes_more(AccessRule(**HELD | changed), AccessRule(**HELD))
    assert not passing.passes_more(AccessRule(**HELD | changed | {"pass_token": False}), None)


def test_it_is_narrowed_by_whoever_may_write_rules() -> None:
    now = AccessRule(
        **HELD | {"methods": ["GET"], "strength": "high", "proof_seconds": 60, "enabled": False}
    )
    assert not passing.passes_more(now, AccessRule(**HELD))
    assert passing.passes_more(AccessRule(**HELD), now)
    assert passing.passes_more(now, None)
