"""`application/x-www-form-urlencoded` (WHATWG URL, 5.2), as urllib writes it, at a third of its
calls: most of what is sent are words and random letters, which need no quotes.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote_plus, urlencode

_PLAIN = re.compile(r"[A-Za-z0-9_.~-]*").fullmatch


def urlencoded(fields: Mapping[str, str] | Sequence[tuple[str, str]]) -> str:
    """Return the fields of a form, or of a query, in their order."""
    return urlencode(fields, quote_via=_quoted)


def _quoted(text: Any, *how: Any) -> str:
    return text if isinstance(text, str) and _PLAIN(text) else quote_plus(text, *how)
