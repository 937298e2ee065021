"""One look at the installation: what several subjects need to know of it is asked once."""

import secrets
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from accounts import cache, conf
from portal.operations.doctor import mirror
from portal.operations.doctor.visit import Seen, Unseen, ask

NONCE_SECONDS = 60


@dataclass
class Look:
    """What is asked of the site, by its public address. `quick` leaves out what takes long."""

    quick: bool = False
    nonce: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    @cached_property
    def cache_answers(self) -> bool:
        """Whether something that is put into the cache, for the site to find it, is there."""
        key = mirror.cache_key(self.nonce)
        cache.shared.set(key, self.nonce, NONCE_SECONDS)
        return bool(cache.shared.get(key) == self.nonce)

    @cached_property
    def seen(self) -> Seen | Unseen:
        """What the site answers, asked plainly; it has the nonce to find by then."""
        self.cache_answers  # noqa: B018  # put there
        return self.visit({})

    @cached_property
    def forged(self) -> Seen | Unseen:
        """What it answers to whoever lies about where they come from."""
        return self.visit(mirror.FORGED)

    @cached_property
    def told(self) -> dict[str, Any]:
        """What the site says of itself; nothing when it cannot be asked."""
        return self.seen.told if isinstance(self.seen, Seen) else {}

    def visit(self, headers: dict[str, str]) -> Seen | Unseen:
        """Ask the site how this request has arrived."""
        own = {**headers, "Authorization": f"Bearer {mirror.token(self.nonce)}"}
        return ask(f"{conf.site_url()}{mirror.PATH}", own)
