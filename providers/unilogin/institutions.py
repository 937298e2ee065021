"""The numbers of institutions and municipalities, as different hands write them."""

from __future__ import annotations

import re

# More than any teacher has; what is beyond is not looked at.
MOST = 20
_LONGEST = 2000
_NUMBER = re.compile(r"[A-Z0-9]{1,20}")
_MUNICIPALITY = re.compile(r"[0-9]{1,6}")


def number(found: object) -> str:
    """Return the number of an institution (instnr) in its one notation; '' for anything else."""
    text = found.strip().strip("\"'").upper() if isinstance(found, str) else ""
    return text if _NUMBER.fullmatch(text) else ""


def municipality(found: object) -> str:
    """Return the number of a municipality (kommunenr) without zeros in front; '' for none."""
    text = found.strip() if isinstance(found, str) else ""
    return text.lstrip("0") if _MUNICIPALITY.fullmatch(text) else ""


def listed(found: object) -> tuple[str, ...]:
    """Return the institutions of a person, each once, in their order, at most `MOST`.

    The broker writes them as one text, `[A04441,101047]`; others send a list. What is no number
    of an institution is left out.
    """
    if isinstance(found, str):
        found = found[:_LONGEST].strip().removeprefix("[").removesuffix("]").split(",")
    if not isinstance(found, list):
        return ()
    numbers = (number(each) for each in found[:_LONGEST])
    return tuple(dict.fromkeys(each for each in numbers if each))[:MOST]
