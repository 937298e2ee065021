"""What a 401 asks for. A module of its own: DRF loads its authenticators before its views."""

from __future__ import annotations

from accounts import conf
from accounts.errors import ProtocolError
from portal.tokens.token_errors import InsufficientScope, InvalidToken

REALM = "vestibule"


def challenge(error: ProtocolError | None = None) -> str:
    """Return the `WWW-Authenticate` of an answer (RFC 6750, 3; RFC 9728, 5.1).

    Only a token that was given and failed is told why.
    """
    said = {
        "realm": REALM,
        "resource_metadata": f"{conf.site_url()}/.well-known/oauth-protected-resource",
    }
    if isinstance(error, (InvalidToken, InsufficientScope)):
        said |= {"error": error.error, "error_description": error.description}
    if isinstance(error, InsufficientScope):
        said["scope"] = error.scope
    return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in said.items())
