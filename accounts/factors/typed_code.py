"""Codes as people write them: with spaces, in groups, by a keyboard of wide letters, pasted with
what nobody sees."""

import unicodedata

# Spaces, what is not seen (a tab, a mark of direction, a soft hyphen), and dashes.
_BETWEEN = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Pd"})
# A minus, a Japanese keyboard's dash, and what else parts groups.
_ALSO_BETWEEN = frozenset("\u2212\u30fc_.")


def joined(text: str) -> str:
    """Return the signs of a code that somebody typed, without what parts them."""
    return "".join(
        each
        for each in text
        if each not in _ALSO_BETWEEN and unicodedata.category(each) not in _BETWEEN
    )


def plain(text: str) -> str:
    """Return the same with wide letters and digits as the common ones (Unicode's NFKC)."""
    return joined(unicodedata.normalize("NFKC", text))
