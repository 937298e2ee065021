"""Names by which people tell applications and groups apart: what no name has, and which look alike
(docs/threats.md, U26).
"""

import unicodedata
from collections.abc import Iterable
from itertools import islice, product

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.models.users import username_key

# Small letters of Cyrillic and Greek that are drawn as ours are, or whose capitals are (Unicode TR
# 39, 4), and what in one typeface or another is drawn as an l or an o.
_DRAWN = str.maketrans(
    "\u0430\u0432\u0435\u0455\u0456\u0458\u043a\u043c\u043d\u043e"
    "\u0440\u0441\u0442\u0443\u0445\u04bb\u0501\u051b\u051d\u04cf"
    "\u03b1\u03b2\u03b5\u03b6\u03b7\u03b9\u03ba\u03bc\u03bd\u03bf"
    "\u03c1\u03c4\u03c5\u03c7"
    "\u0131i1|0",
    "abesljkmhopctyxhdqwlabezhlkmvoptyxllllo",
)
_DRAWN_ABROAD = {code: drawn for code, drawn in _DRAWN.items() if code > 127}
# Of what is drawn alike, which small letters and digits a username may have.
_MEANT = {"l": "li1", "o": "o0"}
_MOST_MEANT = 32  # a table of people asks for those of each line at once


def keys_like(username: str) -> set[str]:
    """Return the keys of the usernames that people would take a name for: its own, and of one that
    is written in another alphabet those in Latin letters that are drawn as it is.
    """
    own = username_key(username)
    drawn = unicodedata.normalize("NFKD", own).translate(_DRAWN_ABROAD)
    if own.isascii() or not drawn.isascii():
        return {own}
    each = product(*(_MEANT.get(sign, sign) for sign in drawn))
    return {own, *map("".join, islice(each, _MOST_MEANT))}


def refuse_hidden(name: str) -> str:
    """Return a name. Raises `ValidationError` for one with a character that cannot be seen, or that
    turns the others round.
    """
    if not name.isprintable():
        raise ValidationError(_("Use a name in one line, without characters that cannot be seen."))
    return name


def looks_like_one(name: str, others: Iterable[str]) -> bool:
    """Tell whether people would take a name for one of `others`."""
    own = _look(name)
    return bool(own) and any(own == _look(other) for other in others)


def _look(name: str) -> str:
    """Return what a name looks like: its letters and digits, without case, accents and alphabet."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    return "".join(each for each in folded.translate(_DRAWN) if each.isalnum())
