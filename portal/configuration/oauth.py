"""The settings of django-oauth-toolkit: RFC 9700 in full, and the names of what is ours."""

from datetime import timedelta
from typing import Any

from django.utils.translation import gettext_lazy as _

_HERE = "portal.authorization_server"
_GATES = (
    "IMPLICIT_GRANT", "PASSWORD_GRANT", "PKCE_METHOD", "ACCESS_TOKEN_TRANSPORT",
    "AUTHZ_RESPONSE_ISS", "TOKEN_STORAGE", "REFRESH_TOKEN", "REDIRECT_URI_SCHEME",
    "REDIRECT_URI_MATCHING", "PKCE_REQUIRED",
)  # fmt: skip


def configure(issuer: str, access: timedelta, refresh_idle: timedelta) -> dict[str, Any]:
    """Return `OAUTH2_PROVIDER` for the site `issuer`, with the lives of its two tokens.

    The toolkit counts the life of an unused refresh token from the end of its access token, we
    count it from the issue of the pair.
    """
    return {
        "OAUTH2_VALIDATOR_CLASS": f"{_HERE}.validator.SessionValidator",
        "ACCESS_TOKEN_GENERATOR": "portal.tokens.token_format.new_access_token",
        "REFRESH_TOKEN_GENERATOR": "portal.tokens.token_format.new_refresh_token",
        "APPLICATION_ADMIN_CLASS": f"{_HERE}.admin.ClientAdmin",
        "GRANT_ADMIN_CLASS": f"{_HERE}.admin.GrantAdmin",
        "ACCESS_TOKEN_ADMIN_CLASS": f"{_HERE}.admin.TokenAdmin",
        "REFRESH_TOKEN_ADMIN_CLASS": f"{_HERE}.admin.TokenAdmin",
        "ID_TOKEN_ADMIN_CLASS": f"{_HERE}.admin.IssuedAdmin",
        "OIDC_ISS_ENDPOINT": issuer,
        "SCOPES": {
            "openid": _("Know that it is you"),
            "profile": _("See your name"),
            "email": _("See your e-mail address"),
            "groups": _("See the groups that you belong to"),
            "offline_access": _("Stay signed in while you are away"),
            "gateway": _("Use the institution's applications in your name"),
        },
        "DEFAULT_SCOPES": ["openid"],
        "AUTHORIZATION_CODE_EXPIRE_SECONDS": 60,
        "ACCESS_TOKEN_EXPIRE_SECONDS": int(access.total_seconds()),
        "REFRESH_TOKEN_EXPIRE_SECONDS": max(1, int((refresh_idle - access).total_seconds())),
        "REFRESH_TOKEN_REUSE_PROTECTION": True,
        "ALLOWED_REDIRECT_URI_SCHEMES": ["https"],
        **{f"COMPLIANT_BCP_RFC9700_{gate}": True for gate in _GATES},
    }
