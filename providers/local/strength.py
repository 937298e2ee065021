"""How soon a new password would be guessed (NIST SP 800-63B, 3.1.1.2), as zxcvbn judges it.

zxcvbn knows what people choose: words, names, rows of the keyboard, dates, repetitions. What is the
site's own name or the person's counts nothing at all.
"""

import re
import threading
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from zxcvbn import zxcvbn

# The library's highest score: more than ten thousand million guesses.
LEAST = 4
# Its time grows with the square of the length.
_LONGEST = 72
_SHORTEST_NAME = 4
_OF_PERSON = ("username", "name", "email")
# The library keeps the words of a call where the next one finds them.
_one_by_one = threading.Lock()


class NotEasilyGuessed:
    """Refuses a password that is made of what a guesser tries first. `names` are the site's own."""

    def __init__(self, names: list[str]) -> None:
        self._names = _words_of(names)

    def validate(self, password: str, user: Any = None) -> None:
        """Raise `ValidationError` for a password of too little that is its own."""
        own = _words_of([str(getattr(user, name, "") or "") for name in _OF_PERSON])
        if score(password, self._names | own) < LEAST:
            raise ValidationError(
                _("This would be guessed soon: it is made of what many people choose, or repeats."),
                code="password_easily_guessed",
            )

    def get_help_text(self) -> str:
        """Return what to do instead, for the form."""
        return _("Several words that have nothing to do with each other are easy to remember.")


def score(password: str, names: frozenset[str] = frozenset()) -> int:
    """Return how hard a password is to guess, 0 to 4, when `names` are known to everybody."""
    bare = password
    for name in sorted(names, key=len, reverse=True):
        bare = re.sub(re.escape(name), "", bare, flags=re.IGNORECASE)
    with _one_by_one:
        # A long one is as hard as the harder of its ends.
        return max(_score(part, names) for part in {bare[:_LONGEST], bare[-_LONGEST:]})


def _score(text: str, names: frozenset[str]) -> int:
    return int(zxcvbn(text, user_inputs=sorted(names))["score"]) if text else 0


def _words_of(texts: list[str]) -> frozenset[str]:
    words = {word for text in texts for word in re.findall(r"[^\W_]+", text.casefold())}
    return frozenset(word for word in words if len(word) >= _SHORTEST_NAME)
