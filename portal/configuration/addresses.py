"""The addresses and hosts of the environment, as browsers write them: what can never match is
refused at start, or is set right.
"""

from contextlib import suppress
from ipaddress import IPv6Address
from urllib.parse import urlsplit

from accounts.http import RefusedUrl, origin_of
from accounts.http.address import target_of
from portal.configuration.env import Misconfigured, listed


def origin(name: str, url: str) -> str:
    """Return the bare origin that `url` is (scheme, host, port), with its host as the DNS has it
    (RFC 5891). A port that is written stays: applications know the site by it.

    Raises `Misconfigured`, which repeats no password.
    """
    if "@" in url:
        raise Misconfigured(f"{name}: an origin has no user and no password")
    own = origin_of(url)
    if not own.startswith(("https://", "http://")) or urlsplit(url).path.strip("/"):
        raise Misconfigured(f"{name}: {url!r} is not an origin such as https://login.example.org")
    port = urlsplit(url).port
    return own if port is None or own.endswith(f":{port}") else f"{own}:{port}"


def origins(name: str, text: str) -> list[str]:
    """Return the origins of front ends: each as browsers send it (RFC 6454, 6.2), and as it is
    written where that differs, since a front end may give itself so as `next`.
    """
    found = []
    for url in listed(text):
        found += [origin_of(origin(name, url)), *(each.lower() for each in origins_of(url))]
    return list(dict.fromkeys(found))


def origins_of(url: str) -> list[str]:
    """Return the origin of an absolute URL, as a list of one; nothing for a path or no URL."""
    parts = urlsplit(url)
    return [f"{parts.scheme}://{parts.netloc}"] if parts.netloc else []


def host(name: str, text: str) -> str:
    """Return the host that `text` names, alone or in an address, as requests have it: in the
    letters of the DNS, an IPv6 address in brackets. A dot before it stays. Raises `Misconfigured`.
    """
    dot, bare = ("." if text.startswith(".") else ""), text.removeprefix(".")
    with suppress(ValueError):
        bare = f"[{IPv6Address(bare)}]"
    origin = origin_of(bare if "://" in bare else f"https://{bare}")
    found = (urlsplit(origin).hostname or "").rstrip(".")
    if not found:
        raise Misconfigured(f"{name}: {text!r} is no host such as login.example.org")
    return dot + (f"[{found}]" if ":" in found else found)


def hosts(name: str, text: str) -> list[str]:
    """Return the hosts of a list that commas separate, each as `host` does."""
    return [host(name, each) for each in listed(text)]


def cookie_domain(name: str, text: str, site: str) -> str | None:
    """Return the domain for which the session's cookie is set, None for the host `site` alone.
    Raises `Misconfigured` for one that the site does not belong to, or that belongs to everybody.
    """
    domain = host(name, text).removeprefix(".") if text else ""
    if domain and ("." not in domain or not f".{site}".endswith(f".{domain}")):
        raise Misconfigured(f"{name}: {domain!r} is not a domain that {site} belongs to")
    return domain or None


def address(name: str, url: str) -> str:
    """Return `url`, the value of `name`, when it can be read. Raises `Misconfigured`, which repeats
    nothing of it: it may be a secret.
    """
    try:
        urlsplit(url)
    except ValueError:
        raise Misconfigured(f"{name}: this is no address that can be read") from None
    return url


def page(name: str, url: str) -> str:
    """Return `url`, the value of `name`, when a browser can be sent there from any page.
    Raises `Misconfigured`.
    """
    if url and not url.startswith("/") and not origin_of(url).startswith(("https://", "http://")):
        said = "begin it by https:// and a host, or by / for a path of this site"
        raise Misconfigured(f"{name}: {said}")
    return address(name, url)


def called(name: str, url: str) -> str:
    """Return `url`, the value of `name`, when the site can call it. Raises `Misconfigured`,
    which repeats nothing of it: it may be a secret.
    """
    try:
        target_of(url, plain=True) if url else None
    except RefusedUrl as error:
        raise Misconfigured(f"{name}: {error}") from None
    return url
