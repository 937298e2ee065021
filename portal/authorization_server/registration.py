"""What may be registered of a client, and whether what it sends later is what was registered.

The model of a client asks here, so nothing here knows the model.
"""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from oauth2_provider.settings import oauth2_settings

from accounts import conf
from portal.authorization_server import client_keys, resources
from portal.door.names import refuse_hidden

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
LONGEST = 2000
_PORT = re.compile(r":\d*\Z")
_TEXT = re.compile(r"\A[\x21-\x7e]+\Z")
# RFC 8252, 7.1: a private-use scheme is a domain name in reverse order, so it has a dot.
_PRIVATE_USE = re.compile(r"\A[a-z][a-z0-9+-]*(?:\.[a-z0-9+-]+)+\Z")
# What programs from before that RFC have: `oc://android.owncloud.com`, a name and no more.
_OF_BEFORE = re.compile(r"\A([a-z][a-z0-9]+)://[a-z0-9-]+(?:\.[a-z0-9-]+)+\Z")
# Schemes that mean something to every browser: a script, a file, another program.
_OF_BROWSERS = frozenset(
    {
        *("about", "blob", "chrome", "data", "file", "filesystem", "ftp", "http", "https"),
        *("intent", "jar", "javascript", "livescript", "mailto", "mocha", "resource"),
        *("sms", "tel", "vbscript", "ws", "wss"),
    }
)
ASSERTION_ALGORITHMS = tuple(each for fit in client_keys.ALGORITHMS.values() for each in fit)


def check(client: Any) -> None:
    """Check a client as an operator typed it in. Raises `ValidationError`, by field."""
    found: dict[str, list[str]] = {}
    for field, problem in _problems(client):
        found.setdefault(field, []).append(problem)
    if found:
        raise ValidationError(found)


def redirect_uri_problem(uri: str, *, legacy: bool = False) -> str:
    """Return what is wrong with a redirect URI, or nothing (RFC 6749, 3.1.2; RFC 8252, 7 and 8).

    A `legacy` client may have a scheme without a dot, with a name of the web behind it (8.4).
    """
    parts = _parts(uri)
    if parts is None:
        return _("%s is not an absolute URI without a fragment or a user.") % uri
    if parts.scheme == "https":
        return "" if parts.hostname and "*" not in parts.netloc else _("%s names no host.") % uri
    if parts.scheme == "http":
        said = _("%s: http is for loopback addresses only.") % uri
        return "" if parts.hostname in LOOPBACK else said
    if _PRIVATE_USE.match(parts.scheme) or (legacy and _is_of_before(uri)):
        return ""
    return _("%s: use https, loopback, or a scheme of your own that has a dot.") % uri


def allows_redirect(client: Any, uri: str) -> bool:
    """Tell whether `uri` is registered: the very same, or on loopback the same at any port.

    RFC 6749, 3.1.2.3; RFC 8252, 7.3. The toolkit's own comparison takes an URI apart and forgives
    a default port, which RFC 9700, 2.1 does not.
    """
    registered = client.redirect_uris.split()
    if uri in registered:
        return True
    parts = _parts(uri)
    if parts is None or not _is_loopback(parts):
        return False
    return any(
        _without_port(parts) == _without_port(known)
        for each in registered
        if (known := _parts(each)) and _is_loopback(known)
    )


def origin_problem(origin: str) -> str:
    """Return what is wrong with an origin, or nothing: a browser names it so (RFC 6454, 6.2)."""
    parts = _parts(origin)
    if parts is None or parts.scheme not in {"https", "http"} or origin != _named(parts):
        said = _(
            "%s is not an origin. Write it in lower case, without a path or the default port, as "
            "in https://app.example"
        )
        return said % origin
    return redirect_uri_problem(origin)


def origins_of(client: Any) -> frozenset[str]:
    """Return the origins whose scripts a client in the browser runs: those of its redirect URIs,
    and what else is registered, each as `comparable` has it.
    """
    if client.kind != client.Kind.BROWSER:
        return frozenset()
    known = (_parts(each) for each in f"{client.redirect_uris} {client.allowed_origins}".split())
    return frozenset(comparable(_named(each)) for each in known if each and each.netloc)


def comparable(origin: str) -> str:
    """Return an origin as it is compared: on loopback without its port, which a redirect URI may
    choose as well (RFC 8252, 7.3). Any other text is returned as it came.
    """
    parts = _parts(origin)
    if parts is None or not _is_loopback(parts) or origin != _named(parts):
        return origin
    return _PORT.sub("", origin)


def _problems(client: Any) -> Iterator[tuple[str, str]]:
    try:
        refuse_hidden(client.name)
    except ValidationError as error:
        yield "name", error.messages[0]
    for field in ("redirect_uris", "post_logout_redirect_uris"):
        for uri in getattr(client, field).split():
            if problem := redirect_uri_problem(uri, legacy=client.legacy_desktop):
                yield field, problem
    if client.kind != client.Kind.DEVICE and not client.redirect_uris.split():
        yield "redirect_uris", _("This kind of client needs a redirect URI.")
    if client.kind == client.Kind.SERVER and client.is_public:
        yield "auth_method", _("An application on a server must prove who it is.")
    if client.kind == client.Kind.BROWSER and not client.is_public:
        yield "auth_method", _("An application in the browser can keep no secret.")
    unknown = set(client.allowed_scopes.split()) - set(oauth2_settings.SCOPES)
    if unknown:
        yield "allowed_scopes", _("There is no scope %s.") % sorted(unknown)[0]
    if client.legacy_desktop and client.auth_method != client.Method.BASIC:
        yield "legacy_desktop", _("It is for clients with a secret by HTTP Basic.")
    yield from _key_problems(client)
    yield from _address_problems(client)


def _address_problems(client: Any) -> Iterator[tuple[str, str]]:
    for origin in client.allowed_origins.split():
        if problem := origin_problem(origin):
            yield "allowed_origins", problem
    for field in ("backchannel_logout_uri", "jwks_uri"):
        uri = getattr(client, field)
        if uri and not _is_callable(uri):
            yield field, _("Use an https URL without a fragment or a user.")
    for uri in client.allowed_resources.split():
        if not resources.is_well_formed(uri):
            yield "allowed_resources", _("%s is not an absolute URL without a fragment.") % uri


def _key_problems(client: Any) -> Iterator[tuple[str, str]]:
    if client.auth_method != client.Method.PRIVATE_KEY:
        return
    if client.jwks and client.jwks_uri:
        yield "jwks_uri", _("Give the keys or their address, not both (RFC 7591, 2).")
    elif client.jwks_uri:
        return
    elif _holds_private(client.jwks):
        yield "jwks", _("These are private keys. Give the public ones only.")
    elif not client_keys.read(client.jwks):
        yield "jwks", _("Give the client's public keys as a JWK Set (RFC 7517, 5).")


def _holds_private(jwks: Any) -> bool:
    listed = jwks.get("keys") if isinstance(jwks, dict) else None
    keys = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    return any("d" in each or each.get("kty") == "oct" for each in keys)


def _is_callable(uri: str) -> bool:
    """Tell whether the site may call `uri`: https, but in the demo and the tests."""
    parts = _parts(uri)
    schemes = {"https", "http"} if conf.http_limits().plain else {"https"}
    return bool(parts and parts.hostname and parts.scheme in schemes)


def _parts(uri: str) -> SplitResult | None:
    if not _TEXT.match(uri) or len(uri) > LONGEST or any(each in uri for each in '#\\"<>^`{|}'):
        return None
    try:
        parts = urlsplit(uri)
        well = bool(parts.scheme) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return None
    # What has no authority is a private-use scheme; `https:host` is a trick.
    authority = bool(parts.netloc) or parts.scheme not in {"http", "https"}
    return parts if well and authority and uri.startswith(parts.scheme) else None


def _is_of_before(uri: str) -> bool:
    found = _OF_BEFORE.match(uri)
    return found is not None and found[1] not in _OF_BROWSERS


def _is_loopback(parts: SplitResult) -> bool:
    return parts.scheme == "http" and parts.hostname in LOOPBACK


def _named(parts: SplitResult) -> str:
    """Return the origin of an URI as a browser names it: in lower case, without the default port
    of its scheme (RFC 6454, 6.2).
    """
    default = {"https": ":443", "http": ":80"}.get(parts.scheme, "")
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(default).removesuffix(':')}"


def _without_port(parts: SplitResult) -> tuple[str, str | None, str, str]:
    """Return what must be alike; a path of `/` is none (RFC 3986, 6.2.3)."""
    return parts.scheme, parts.hostname, parts.path if parts.path != "/" else "", parts.query
