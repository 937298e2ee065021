"""The challenge of a route that takes access tokens (RFC 6750, 3; RFC 9728, 5.1)."""

from accounts import conf
from accounts.errors import InsufficientUserAuthentication, ProtocolError
from portal.tokens.token_errors import InsufficientScope, InvalidToken


def challenge(error: ProtocolError) -> str:
    """Return the `WWW-Authenticate` of an answer. Only a token that was given and failed is told
    why, and whose sign-in is too weak or too old (RFC 9470, 3).
    """
    said = {
        "realm": "vestibule",
        "resource_metadata": f"{conf.site_url()}/.well-known/oauth-protected-resource",
    }
    if isinstance(error, (InvalidToken, InsufficientScope)):
        said |= {"error": error.error, "error_description": error.description}
    if isinstance(error, InsufficientUserAuthentication):
        said |= error.parameters()
    if isinstance(error, InsufficientScope):
        said["scope"] = error.scope
    return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in said.items())
