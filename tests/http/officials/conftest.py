"""Officials who come by a provider, and the desk that lets them in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

from accounts.models import Source, StoredSession, User
from tests.http.conftest import PASSWORD, sign_in
from tests.http.oidc.browser import Browser
from tests.http.oidc.conftest import _provider, browser, failure, provider, source
from tests.peers.certified import Certified

__all__ = ["_provider", "browser", "failure", "provider", "source"]

# What a counter's source asks the provider for: groups to suggest, and tokens to renew.
COUNTER: dict[str, Any] = {
    "scope": "openid profile email groups offline_access",
    "authorize": {"prompt": "consent"},
    "claims": {"groups": "groups"},
}
Counter = Callable[..., Source]


@pytest.fixture
def counter(source: Any, provider: Certified) -> Counter:
    """Make the source of a counter, whose newcomers wait: `counter(columns=None, **settings)`."""

    def make(columns: dict[str, Any] | None = None, **settings: Any) -> Source:
        row: Source = source(
            provider,
            columns={"require_assignment": True, **(columns or {})},
            **{**COUNTER, **settings},
        )
        return row

    return make


@pytest.fixture
def rotating(provider: Certified) -> Certified:
    """Give the provider with refresh tokens that rotate, whose other tokens are taken for as long
    as the site's clock is ahead of its own.
    """
    provider.live(access_token=300, id_token=3600)
    provider.rotates(True)
    return provider


@pytest.fixture
def newcomer(counter: Counter, browser: Browser) -> User:
    """Give alice, who came the first time; `browser` is hers. The provider claims staff, admins."""
    counter()
    browser.sign_in("town")
    return User.objects.get()


@pytest.fixture
def desk(house: None) -> Client:
    """Give an administrator with every right."""
    User.objects.create_superuser("ada", PASSWORD, name="Ada", email="ada@example.org")
    own = Client()
    sign_in(own, "ada")
    return own


@pytest.fixture
def clerk(house: None) -> Client:
    """Give somebody who may let people in, and nothing else."""
    user = User.objects.create_user("carl", PASSWORD, is_staff=True)
    user.give_local_identity()
    names = ["view_awaitingperson", "change_awaitingperson"]
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    own = Client()
    sign_in(own, "carl")
    return own


def held(browser: Browser) -> Any:
    """Return the tokens that the vault holds for the session of a browser."""
    from accounts.session import vault
    from tests.http.conftest import stored

    return vault.tokens_of(stored(browser.site).uid)


def sessions() -> int:
    """Return how many sessions of people are stored."""
    return StoredSession.objects.exclude(user=None).count()
