"""The sources of the demo, in the site's database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.utils import translation
from django.utils.translation import gettext
from django.utils.translation.trans_real import get_languages

from accounts.models import Source
from accounts.source import catalogue, registry


def furnish(wanted: Source, addresses: Mapping[str, Any]) -> None:
    """Make a source when it is missing; when it is there, only its addresses follow.

    Its label and help are msgids: a new source says them in each language of the site. `addresses`
    are settings, or lists with one; the first tells whether the source is still that of a stand-in,
    and one that leads elsewhere stays as it is. Without its provider there is no source. Raises
    `ValidationError`.
    """
    if wanted.provider not in registry.providers():
        return
    source = Source.objects.filter(slug=wanted.slug).first()
    name, address = next(iter(addresses.items()))
    if source is not None and not _is_a_stand_in_elsewhere(source.settings.get(name), address):
        return
    if source is None:
        source = wanted
        source.texts = _spoken({"label": wanted.label, "help": wanted.settings.get("help", "")})
    source.settings |= addresses
    catalogue.save(source)


def _spoken(words: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return words by language, where they are translated."""
    spoken: dict[str, dict[str, str]] = {}
    for language in get_languages():
        with translation.override(language):
            said = {name: gettext(msgid) for name, msgid in words.items() if msgid}
        if said := {name: text for name, text in said.items() if text != words[name]}:
            spoken[language] = said
    return spoken


def _is_a_stand_in_elsewhere(address: Any, wanted: Any) -> bool:
    """Tell whether an address is the wanted one but for its port."""
    if isinstance(wanted, list):
        one = isinstance(address, list) and len(address) == 1
        return one and _is_a_stand_in_elsewhere(address[0], wanted[0])
    if not isinstance(address, str) or address == wanted:
        return False
    old, new = urlsplit(address), urlsplit(wanted)
    return (old.hostname, old.path) == (new.hostname, new.path)
