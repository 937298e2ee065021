"""Headers that cannot be read: granian leaves out each line whose value has a byte outside of
visible ASCII, and says its name only (docs/decisions/0007-rsgi.md).
"""

from collections.abc import Iterable
from typing import Any

# Below this key of the environment stand their names, in lower case.
UNREADABLE = "vestibule.unreadable"


def unreadable(headers: Any, lines: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Return the names of `headers` that none of its readable `lines` has. Of two lines of one name
    nobody sees that the other was left out.
    """
    read = {name for name, _value in lines}
    return frozenset(headers.keys()) - read if len(read) < len(headers) else frozenset()
