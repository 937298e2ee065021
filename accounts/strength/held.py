"""How strong the proof of a session is, by the tables as they are now."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Protocol

from accounts import conf
from accounts.errors import TOO_WEAK, AccessDenied
from accounts.source import catalogue
from accounts.source.catalogue import ConfiguredSource
from accounts.strength import levels
from accounts.strength.levels import Strength, Table, named


class Proof(Protocol):
    """What a session says of how its person signed in (OIDC Core, 2)."""

    @property
    def source(self) -> str:
        """The slug of the source."""

    @property
    def acr(self) -> str:
        """What the source calls it."""

    @property
    def amr(self) -> Sequence[str]:
        """By which means (RFC 8176)."""


def of(session: Proof) -> Strength | None:
    """Return how strong the proof of a session is; None when nothing says, or its source is gone.

    Costs no query while the source is enabled.
    """
    source = catalogue.of_session(session.source) if session.source else None
    return in_words_of(source, session.acr, session.amr) if source else None


def in_words_of(source: ConfiguredSource, acr: str, amr: Sequence[str]) -> Strength | None:
    """Return how strong a proof is that `source` calls `acr`, by the means `amr`."""
    return levels.judged(acr, amr, _own(source), site_table())


def has(session: Proof, wanted: Strength | None) -> bool:
    """Tell whether the proof of a session is as strong as `wanted`; None wants nothing."""
    return wanted is None or (of(session) or 0) >= wanted


def reaches(
    source: ConfiguredSource, acr: str, amr: Sequence[str], wanted: Strength | None
) -> bool:
    """Tell whether what `source` says of a sign-in is as strong as `wanted`; None wants nothing."""
    return wanted is None or (in_words_of(source, acr, amr) or 0) >= wanted


def require(
    source: ConfiguredSource, acr: str, amr: Sequence[str], wanted: Strength | None
) -> None:
    """Raise `AccessDenied` unless what `source` says of a sign-in is as strong as `wanted`."""
    if not reaches(source, acr, amr, wanted):
        raise AccessDenied("The sign-in is weaker than what was asked for.", reason=TOO_WEAK)


def told(session: Proof, asked: Iterable[str]) -> str:
    """Return what an application is told of how its person signed in: of the words that it has
    `asked` for the strongest that is true, else what the source said. A word of ours that is more
    than the source is believed becomes the true one, or nothing.
    """
    have, words = of(session), tuple(asked)
    said = session.acr
    if levels.WORDS.get(said, 0) > (have or 0):
        said = have.word if have else ""
    true = [each for each in words if levels.WORDS.get(each, Strength.HIGH + 1) <= (have or 0)]
    if said in words or not true:
        return said
    return max(true, key=levels.WORDS.__getitem__)


def in_words_for(source: ConfiguredSource, acr_values: Iterable[str]) -> tuple[str, ...]:
    """Return `acr_values` as `source` knows them: words of ours in its own, others as they are."""
    known = ((named(each), each) for each in acr_values)
    found = [asked_of(source, level) if level else (word,) for level, word in known]
    return tuple(dict.fromkeys(each for words in found for each in words))


def asked_of(source: ConfiguredSource, wanted: Strength) -> tuple[str, ...]:
    """Return by which words `source` is asked for a proof that is as strong as `wanted`."""
    return levels.words_for(wanted, _own(source), site_table())


def site_table() -> Table:
    """Return what words mean that no source has explained itself."""
    return _site_table(conf.strengths())


@lru_cache(maxsize=4)
def _site_table(pairs: tuple[str, ...]) -> Table:
    return {**levels.BUILT_IN, **levels.read(pairs_of(pairs))}


def pairs_of(listed: Iterable[str]) -> dict[str, str]:
    """Return the pairs of a list of `word=strength`; a word may have `=` in it."""
    return {word: meaning for word, _, meaning in (each.rpartition("=") for each in listed)}


def _own(source: ConfiguredSource) -> Table:
    return levels.read(source.description.strengths)
