"""How strongly people prove who they are: `low`, `substantial` or `high` (docs/strength.md)."""

from accounts.strength.held import asked_of, has, in_words_for, of, reaches, require, told
from accounts.strength.levels import Strength, asked_for, named

__all__ = [
    "Strength",
    "asked_for",
    "asked_of",
    "has",
    "in_words_for",
    "named",
    "of",
    "reaches",
    "require",
    "told",
]
