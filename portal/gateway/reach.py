"""How far credentials reach that are not for all of a person's applications."""

from dataclasses import dataclass

from portal.gateway.forwarded import SAFE, Forwarded
from portal.gateway.paths import in_all_forms, lies_in

# Methods that change nothing (RFC 9110, 9.2.1; RFC 4918, 9.1; RFC 3253, 3.6; RFC 5323).
READING = SAFE | {"OPTIONS", "PROPFIND", "REPORT", "SEARCH"}


@dataclass(frozen=True, slots=True)
class Reach:
    """What an app password opens: one host or all of them, what is below a path, reading alone."""

    host: str = ""
    path: str = "/"
    read_only: bool = False

    def covers(self, asked: Forwarded) -> bool:
        """Tell whether a request lies within, however the application understands it."""
        if self.host and self.host != asked.host:
            return False
        if self.read_only and not READING.issuperset(asked.methods):
            return False
        forms = in_all_forms(self.path)
        return all(lies_in(forms[each.form.value], each.path) for each in asked.readings)
