"""Marks of a provider's settings, for the metadata of a field of its `Settings`.

Addresses (`https://...`) need none: they are trusted wherever they stand.
"""

from collections.abc import Mapping
from typing import Any

# It says where people's proofs go, or who they are: a path, a server, an attribute that identifies.
TRUSTED: Mapping[str, bool] = {"trusted": True}
# It holds names that may look like an address, such as those of scopes; nobody calls them.
WORDS: Mapping[str, bool] = {"words": True}
# It holds such names, and says where claims stand: those of the address and the username, by which
# applications know people, are trusted. Whoever says the username says who people are, at once.
CLAIMS: Mapping[str, Any] = {
    **WORDS, "kept": ("email", "email_verified", "username"), "naming": ("username",)
}  # fmt: skip
