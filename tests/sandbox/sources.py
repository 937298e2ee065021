"""The sources of the demo, in the site's database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from accounts.models import Source
from accounts.source import catalogue, registry


def furnish(wanted: Source, addresses: Mapping[str, Any]) -> None:
    """Make a source when it is missing; when it is there, only its addresses follow.

    `addresses` are settings, or lists with one; the first tells whether the source is still that of
    a stand-in, and one that leads elsewhere stays as it is. Without its provider there is no
    source. Raises `ValidationError`.
    """
    if wanted.provider not in registry.providers():
        return
    source = Source.objects.filter(slug=wanted.slug).first()
    name, address = next(iter(addresses.items()))
    if source is not None and not _is_a_stand_in_elsewhere(source.settings.get(name), address):
        return
    source = source or wanted
    source.settings |= addresses
    catalogue.save(source)


def _is_a_stand_in_elsewhere(address: Any, wanted: Any) -> bool:
    """Tell whether an address is the wanted one but for its port."""
    if isinstance(wanted, list):
        one = isinstance(address, list) and len(address) == 1
        return one and _is_a_stand_in_elsewhere(address[0], wanted[0])
    if not isinstance(address, str) or address == wanted:
        return False
    old, new = urlsplit(address), urlsplit(wanted)
    return (old.hostname, old.path) == (new.hostname, new.path)
