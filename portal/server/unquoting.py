"""Quoted cookies, read in a time that grows as their length does.

Python before 3.11.10 and 3.12.6 looks through the rest of a value twice for each backslash in it
(CVE-2024-7592), and Django reads the cookies of every request so.
"""

import re
from http import cookies

# An octet as three octal digits, or a character as it is.
_ESCAPED = re.compile(r"\\(?:([0-3][0-7][0-7])|(.))")


def mend() -> None:
    """Let this process unquote cookies by `unquoted`, where Python is one of those."""
    if hasattr(cookies, "_OctalPatt"):
        cookies._unquote = unquoted  # type: ignore[assignment]


def unquoted(value: str | None) -> str | None:
    """Return a cookie's value without its quotes and escapes, as Python has it; one that is not
    quoted as it is.
    """
    if value is None or len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    return _ESCAPED.sub(lambda found: chr(int(found[1], 8)) if found[1] else found[2], value[1:-1])
