"""Which URLs of an upstream are believed: https, unambiguous, not inside our net."""

from urllib.parse import urlsplit, urlunsplit

from django.utils.translation import gettext as _

from accounts import conf
from accounts.http.address import UNCLEAR, origin_of
from accounts.http.urlencoded import urlencoded

_LONGEST = 2000
# To what is longer nobody is sent: servers need not take it (RFC 9110, 4.1), proxies may have no
# room for it in an answer, and Django refuses to send anybody to what is twice as long.
LONGEST_VISIT = 8000


def fault(url: object) -> str:
    """Say in a sentence what is wrong with a URL that people or tokens are sent to, or ''."""
    if not isinstance(url, str) or not url or len(url) > _LONGEST or UNCLEAR.search(url):
        return _("is not an address")
    try:
        parts = urlsplit(url)
    except ValueError:
        return _("is not an address")
    if parts.scheme != "https" and not (parts.scheme == "http" and conf.http_limits().plain):
        return _("must begin with https://")
    if not origin_of(url) or "@" in parts.netloc or "#" in url:
        return _("must have a host, no user name and no fragment")
    return ""


def leads_inside(url: str, issuer: str) -> bool:
    """Tell whether an upstream names a bare network address, or this machine, that is not its own.

    A discovery document must not make us call what only our own network can reach. What an operator
    writes into the settings is not judged.
    """
    host, own = (urlsplit(each).hostname or "" for each in (url, issuer))
    last = host.rstrip(".").rpartition(".")[2]
    # A last label of digits makes a resolver read the whole as an IPv4 address, in any notation.
    bare = ":" in host or last.isdigit() or last.startswith("0x")
    return host != own and (bare or last == "localhost")


def can_be_visited(url: str) -> bool:
    """Tell whether a browser can be sent to what a provider returned: an address of the web that
    fits a header, of at most `LONGEST_VISIT` characters.
    """
    if not url or len(url) > LONGEST_VISIT or UNCLEAR.search(url):
        return False
    try:
        return urlsplit(url).scheme in {"", "http", "https"}
    except ValueError:
        return False


def with_query(url: str, parameters: dict[str, str]) -> str:
    """Return a URL with more parameters, keeping those that it has (RFC 6749, 3.1)."""
    parts = urlsplit(url)
    query = "&".join(each for each in (parts.query, urlencoded(parameters)) if each)
    return urlunsplit(parts._replace(query=query))
