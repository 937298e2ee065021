"""The three strengths, and the table that says which word of an upstream's means which of them.

Pure: standard library only, so that the settings of a provider are judged by it too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum

Table = Mapping[str, "Strength | None"]

# In the table of one source: all that it says, and all that it does not say.
ANY = "*"
# What a word means that counts nothing.
NONE = "none"


class Strength(IntEnum):
    """How strong a proof is, in the words of eIDAS (Regulation (EU) 910/2014, 8) and NSIS."""

    LOW = 1
    SUBSTANTIAL = 2
    HIGH = 3

    @property
    def word(self) -> str:
        """The word by which it stands in rules, addresses and tokens."""
        return self.name.lower()


WORDS: Mapping[str, Strength] = {each.word: each for each in Strength}


def _built_in() -> Iterator[tuple[str, Strength]]:
    for level in Strength:
        title = level.word.title()
        yield f"https://data.gov.dk/concept/core/nsis/loa/{title}", level
        yield f"https://data.gov.dk/concept/core/nsis/{title}", level
        yield f"http://eidas.europa.eu/LoA/{level.word}", level
        yield title, level
        yield level.word, level
    yield "https://refeds.org/profile/sfa", Strength.LOW
    yield "https://refeds.org/profile/mfa", Strength.SUBSTANTIAL
    # OpenID Connect Extended Authentication Profile ACR Values 1.0.
    yield "phr", Strength.SUBSTANTIAL
    yield "phrh", Strength.SUBSTANTIAL
    # Methods (RFC 8176, 2), of a source whose `acr` says nothing.
    yield from ((each, Strength.LOW) for each in ("pwd", "pin", "otp", "sms"))
    yield "mfa", Strength.SUBSTANTIAL


BUILT_IN: Table = dict(_built_in())
# Words that only `amr` holds: no upstream is asked for them by `acr_values`.
_METHODS = frozenset({"pwd", "pin", "otp", "sms", "mfa"})


def named(word: str) -> Strength | None:
    """Return the strength that is called `word` here; None for any other word."""
    return WORDS.get(word)


def read(pairs: Mapping[str, str]) -> dict[str, Strength | None]:
    """Return the table of `pairs`, a word and what it means each. What means nothing that is known
    counts nothing; `problems` names it.
    """
    return {word: WORDS.get(meaning) for word, meaning in pairs.items()}


def problems(pairs: Mapping[str, str]) -> Iterator[str]:
    """Return what is meant and not known, a word of the table each."""
    known = {*WORDS, NONE}
    yield from (f"{word}={meaning}" for word, meaning in pairs.items() if meaning not in known)


def judged(acr: str, amr: Sequence[str], own: Table, common: Table) -> Strength | None:
    """Return how strong a proof is that an upstream calls `acr`, by the means `amr`; None when no
    word of it says.

    What `own` says, the table of the source, goes before `common`; in each of them `acr` goes
    before `amr`, of which the strongest counts.
    """
    for table in (own, common):
        if acr in table:
            return table[acr]
        known = [table[each] for each in amr if each in table]
        if known:
            return max(known, key=lambda level: level or 0)
        if ANY in table:
            return table[ANY]
    return None


def words_for(wanted: Strength, own: Table, common: Table) -> tuple[str, ...]:
    """Return by which words an upstream is asked for `wanted`, the weakest that are enough first:
    its own ones where its table has any, else all that are common.
    """
    mine = _at_least(wanted, own)
    return mine or _at_least(wanted, common)


def asked_for(acr_values: Iterable[str]) -> Strength | None:
    """Return what those of `acr_values` ask for that are ours: the weakest of them, since each is
    as welcome (OIDC Core, 3.1.2.1). None when none is.
    """
    return min((WORDS[each] for each in acr_values if each in WORDS), default=None)


def _at_least(wanted: Strength, table: Table) -> tuple[str, ...]:
    enough = [
        (level, word)
        for word, level in table.items()
        if level is not None and level >= wanted and word != ANY and word not in _METHODS
    ]
    return tuple(word for _level, word in sorted(enough, key=lambda each: each[0]))
