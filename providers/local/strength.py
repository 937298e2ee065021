"""How soon a new password would be guessed (NIST SP 800-63B, 3.1.1.2): what is known counts little.

A password of many characters may still be a well-known word, a row of the keyboard or one block
over and over. So each character counts one, but a known word two in all, a repetition or a row one.
"""

import re
from functools import cache
from typing import Any

from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

LEAST = 8
_SHORTEST, _LONGEST = 4, 20
_PLAIN = str.maketrans("013457@$!", "oieastasi")
_ROWS = ("qwertyuiop", "qwertzuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm", "1qaz2wsx3edc4rfv5tgb")
_YEAR = re.compile("(?:19|20)[0-9]{2}")
_OF_PERSON = ("username", "name", "email")


class NotEasilyGuessed:
    """Refuses a password that is made of what a guesser tries first. `names` are the site's own."""

    def __init__(self, names: list[str]) -> None:
        self._names = _words_of(names)

    def validate(self, password: str, user: Any = None) -> None:
        """Raise `ValidationError` for a password of too little that is its own."""
        own = _words_of([str(getattr(user, name, "") or "") for name in _OF_PERSON])
        if weight(password.casefold(), self._names | own) < LEAST:
            raise ValidationError(
                _("This would be guessed soon: it is made of what many people choose, or repeats."),
                code="password_easily_guessed",
            )

    def get_help_text(self) -> str:
        """Return what to do instead, for the form."""
        return _("Several words that have nothing to do with each other are easy to remember.")


def weight(text: str, names: frozenset[str] = frozenset()) -> int:
    """Return how many characters of `text` a guesser must really guess, about."""
    total, at = 0, 0
    seen: set[str] = set()
    while at < len(text):
        if size := _repeated(text, at):
            at, total = at + size, total + 1
            continue
        for size in range(min(_LONGEST, len(text) - at), _SHORTEST - 1, -1):
            piece = text[at : at + size]
            if _YEAR.fullmatch(piece) or any(
                piece in each or piece[::-1] in each for each in _ROWS
            ):
                total += 1
                break
            if word := {piece, piece.translate(_PLAIN)} & (names | _known()):
                total += 0 if word & seen else 2
                seen |= word
                break
        else:
            size = 1
            total += not _goes_on(text, at)
        at += size
    return total


def _repeated(text: str, at: int) -> int:
    """Return how many of the next characters, four at least, have stood before in this order."""
    start, size = text.find(text[at : at + _SHORTEST], 0, at + _SHORTEST - 1), _SHORTEST
    if start < 0 or at + size > len(text):
        return 0
    while at + size < len(text) and text[at + size] == text[start + size]:
        size += 1
    return size


def _goes_on(text: str, at: int) -> bool:
    """Tell whether a character follows as the two before it do: `aaa`, `abc`, `321`."""
    if at < 2:
        return False
    before, now = (ord(text[i]) - ord(text[i - 1]) for i in (at - 1, at))
    return before == now and abs(now) <= 1


def _words_of(texts: list[str]) -> frozenset[str]:
    words = {word for text in texts for word in re.findall(r"\w+", text.casefold())}
    return frozenset(word for word in words if len(word) >= _SHORTEST)


@cache
def _known() -> frozenset[str]:
    """Return Django's 20,000 commonest passwords, those that are no more than digits left out."""
    known = CommonPasswordValidator().passwords
    return frozenset(each for each in known if len(each) >= _SHORTEST and not each.isdigit())
