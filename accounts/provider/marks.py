"""Marks of a provider's settings, for the metadata of a field of its `Settings`.

Addresses (`https://...`) need none: they are trusted wherever they stand.
"""

from collections.abc import Mapping
from typing import Any

# The setting says where people's proofs go, or who they are: a path, a server, an id attribute.
TRUSTED: Mapping[str, bool] = {"trusted": True}
# The setting holds names that may look like addresses, such as scopes; nobody calls them.
WORDS: Mapping[str, bool] = {"words": True}
# The setting holds such names and says where claims stand. Where the address and the username stand
# is trusted, since applications know people by them; for the username even before anybody is known.
CLAIMS: Mapping[str, Any] = {
    **WORDS, "kept": ("email", "email_verified", "username"), "naming": ("username",)
}  # fmt: skip
