"""The end of an application's own session: its cookies expire (docs/gateway.md 6)."""

from portal.gateway.rules import AppCookie

_PAST = "Thu, 01 Jan 1970 00:00:00 GMT"


def expired(cookie: AppCookie, is_secure: bool) -> str:
    """Return the `Set-Cookie` that takes exactly this cookie away (RFC 6265, 3.1)."""
    parts = [f"{cookie.name}=", f"Path={cookie.path}", "Max-Age=0", f"Expires={_PAST}"]
    if cookie.domain:
        parts.append(f"Domain={cookie.domain}")
    if is_secure:
        parts.append("Secure")
    return "; ".join([*parts, "HttpOnly", "SameSite=Lax"])


def clear_site_data(clear: bool) -> list[tuple[str, str]]:
    """Return the header that empties a browser's storage of the application's origin. Never its
    cookies: a browser would take those of all hosts of the domain (Clear Site Data, 4.2.1).
    """
    return [("Clear-Site-Data", '"storage"')] if clear else []
