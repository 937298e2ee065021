"""How applications write a name for an address: a slug, without marks on letters and without signs.

A database compares names without regard to marks (MySQL and SQL Server, by their usual collations),
WordPress looks pages up by the slug of what was asked for. So `/intern%C3%A1l`, `/inter'nal` and
`/-internal-` are `/internal` to some, and `/b%C3%B8rn` is `/born` or `/boern`.
"""

import re
import unicodedata
from collections.abc import Iterator

# A name, and a path, that is its own slug.
_NAME = re.compile(r"[a-z0-9_]+(?:-[a-z0-9_]+)*\Z")
_PATH = re.compile(r"(?:/[a-z0-9_]+(?:-[a-z0-9_]+)*)*/?\Z")
# Letters that Unicode does not take apart.
_PLAIN = str.maketrans(
    {"æ": "ae", "ø": "o", "œ": "oe", "đ": "d", "ð": "d", "ł": "l", "þ": "th", "\u0131": "i"}
)
_WRITTEN_OUT = str.maketrans({"å": "aa", "ä": "ae", "ö": "oe", "ø": "oe", "ü": "ue"})


def is_slug(path: str) -> bool:
    """Tell whether a path is written so already."""
    return _PATH.match(path) is not None


def slugs(path: str) -> Iterator[str]:
    """Yield a folded path as slugs, its letters without their marks and written out. One with a
    name that has signs alone stands for itself: the slug of it would be the folder above.
    """
    if is_slug(path):
        return
    written = (path,) if path.isascii() else (path, path.translate(_WRITTEN_OUT))
    for text in dict.fromkeys(written):
        names = text.split("/")
        found = [_slug(name) for name in names]
        if all(slug or not name for name, slug in zip(names, found, strict=True)):
            yield "/".join(found)


def _slug(name: str) -> str:
    if not name or _NAME.match(name):
        return name
    apart = unicodedata.normalize("NFKD", name.translate(_PLAIN))
    return re.sub("-+", "-", "".join(map(_sign, apart))).strip("-")


def _sign(character: str) -> str:
    if character.isspace() or unicodedata.category(character) == "Pd":
        return "-"
    return character if character.isalnum() or character == "_" else ""
