"""JSON as somebody types it into a form."""

import json
from typing import Any

from accounts.serialization import storable


class Decoder(json.JSONDecoder):
    """JSON as it is typed (RFC 8259, 9). A number or a depth that Python does not read is malformed
    like anything else; so is what a database does not keep.
    """

    def decode(self, s: str, *args: Any) -> Any:
        """Return the value. Raises `JSONDecodeError`."""
        try:
            return storable(super().decode(s, *args))
        except (ValueError, RecursionError):
            raise json.JSONDecodeError("This cannot be read", s, 0) from None
