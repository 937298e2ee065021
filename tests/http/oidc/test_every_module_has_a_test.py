"""Each relying party module that concerns this site stands in the id of some test, by its name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rfc.oidc_back_channel_logout import test_logout_token as logout_token

TESTS = Path(__file__).resolve().parent.parent.parent
PREFIX = "oidcc-client-test"

BASIC = (
    *("", "invalid-iss", "missing-sub", "invalid-aud", "missing-iat", "kid-absent-single-jwks"),
    *("kid-absent-multiple-jwks", "idtoken-sig-rs256", "idtoken-sig-none", "invalid-sig-rs256"),
    *("userinfo-invalid-sub", "nonce-invalid", "scope-userinfo-claims", "client-secret-basic"),
)
CONFIGURATION = (
    *("discovery-openid-config", "discovery-jwks-uri-keys", "discovery-issuer-mismatch"),
    *("idtoken-sig-none", "signing-key-rotation-just-before-signing", "signing-key-rotation"),
)
# Without mtls-endpoint-aliases: this site authenticates by a secret or by PKCE alone.
COMPREHENSIVE = (
    *("missing-aud", "invalid-sig-es256", "invalid-sig-hs256", "userinfo-bearer-header"),
    *("userinfo-bearer-body", "form-post-error", "aggregated-claims", "distributed-claims"),
    "userinfo-signed",
)
LOGOUT = ("rp-init-logout", "rp-init-logout-other-state", "rp-init-logout-no-state")
REFRESH = ("refresh-token", "refresh-token-invalid-issuer", "refresh-token-invalid-sub")
FRONT_CHANNEL = ("rp-frontchannel-rpinitlogout", "rp-frontchannel-opinitlogout")
# Of the hybrid flow, which is not spoken here: an at_hash may come with a code as well.
HYBRID = ("invalid-athash",)
MODULES = sorted(
    {*BASIC, *CONFIGURATION, *COMPREHENSIVE, *LOGOUT, *FRONT_CHANNEL, *REFRESH, *HYBRID}
)
BACK_CHANNEL = (
    *("alg-none", "wrong-alg", "no-event", "wrong-event", "with-nonce", "wrong-aud", "wrong-iss"),
)


def _names(tree: ast.AST) -> Iterator[str]:
    """Yield what a file hands to `parametrize`: the texts of its lists and the keys of tables."""
    for node in ast.walk(tree):
        found: list[ast.expr | None] = []
        if isinstance(node, ast.Dict):
            found = list(node.keys)
        elif isinstance(node, (ast.List, ast.Tuple)):
            found = list(node.elts)
        for each in found:
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                yield each.value


@pytest.fixture(scope="module")
def tested() -> set[str]:
    files = (path for path in TESTS.rglob("test_*.py") if path != Path(__file__).resolve())
    return {name for path in files for name in _names(ast.parse(path.read_text()))}


@pytest.mark.parametrize("module", MODULES)
def test_a_module_has_a_test_of_its_name(tested: set[str], module: str) -> None:
    assert "-".join(filter(None, (PREFIX, module))) in tested


@pytest.mark.parametrize("fault", BACK_CHANNEL)
def test_a_module_of_back_channel_logout_has_a_test_of_its_name(fault: str) -> None:
    assert f"{logout_token.MODULE}-{fault}" in logout_token.REFUSED
