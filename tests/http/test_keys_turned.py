"""docs/operations.md 5: every key is turned at a running site, and nobody notices."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Callable, Iterator

import jwt
import pytest

from tests.peers.household import Household
from tests.peers.second_provider import second_provider
from tests.peers.site import Site

OLD_VAULT, NEW_VAULT = (b64encode(secrets.token_bytes(32)).decode() for _ in range(2))
OLD_SECRET, NEW_SECRET = (secrets.token_urlsafe(50) for _ in range(2))


@pytest.fixture(scope="module")
def house(site: Callable[..., Site]) -> Iterator[Household]:
    """Give people who are signed in in every way, at a site with keys of its own."""
    served = site(
        {
            "VESTIBULE_HTTP_PLAIN": "1",
            "VESTIBULE_VAULT_KEYS": OLD_VAULT,
            "VESTIBULE_SECRET_KEY": OLD_SECRET,
        }
    )
    with second_provider() as upstream:
        own = Household(served)
        own.moves_in(upstream.issuer)
        yield own


def restarted(house: Household, **env: str) -> None:
    """Start the workers anew with other settings."""
    house.site.stop()
    house.site.env = {**house.site.env, **env}
    house.site.start()


@pytest.mark.soak
def test_all_keys_are_turned_one_after_the_other(house: Household) -> None:
    assert house.lost() == []
    first = jwt.get_unverified_header(house.app["id_token"])["kid"]
    house.begins_again()

    restarted(house, VESTIBULE_VAULT_KEYS=f"{NEW_VAULT},{OLD_VAULT}")
    assert house.lost() == []
    house.begins_again()
    house.site.manage("rotate_keys")
    restarted(house, VESTIBULE_VAULT_KEYS=NEW_VAULT)
    assert house.lost() == []
    house.begins_again()

    before = dict(house.app)
    house.site.manage("rotate_signing_key", "--now")
    turned = {"VESTIBULE_SECRET_KEY": NEW_SECRET, "VESTIBULE_SECRET_KEY_FALLBACKS": OLD_SECRET}
    restarted(house, **turned)
    assert house.lost() == []
    assert jwt.get_unverified_header(house.app["id_token"])["kid"] != first
    assert house.claims(before)["sub"] == house.claims(house.app)["sub"]
    assert "Traceback" not in house.site.output()
