"""The word of a proxy: who may say for whom it calls, and what nobody else may say."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

# RFC 9110 allows more, but what WSGI makes of a name would be the same for `_` and `-`.
_NAME = re.compile(r"[a-z0-9-]+")
# Some proxies write the client's port beside its address, as a URL has both (RFC 3986, 3.2).
_WITH_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([0-9.]{7,15}))(?::[0-9]{1,5})?")
_PREFIXES = ("x-forwarded-", "x-original-")
_OTHERS = {"forwarded", "x-real-ip"}

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: an address, a scheme, and the headers that it may send, by name in lower case."""

    address: str
    scheme: str
    headers: dict[str, str]


class TrustedProxies:
    """Takes client address and scheme from the proxies in `networks` only, by default from nobody.

    Of `X-Forwarded-For` the last address that is not itself a trusted proxy is the client; a port
    beside an address does not count.
    """

    def __init__(self, networks: Iterable[str]) -> None:
        self.networks: tuple[Network, ...] = tuple(
            ipaddress.ip_network(each.strip()) for each in networks if each.strip()
        )

    def caller(self, peer: str, scheme: str, lines: Iterable[tuple[str, str]]) -> Caller:
        """Return who calls, by the peer's address and the lines of the request's head.

        A name with anything but letters, digits and hyphens is left out, whoever sends it: it could
        pass for another one. Of a peer that is no trusted proxy so is every word on forwarding.
        """
        is_trusted = self._is_trusted(peer)
        headers: dict[str, str] = {}
        again: dict[str, list[str]] = {}
        for name, value in lines:
            if not _NAME.fullmatch(name) or (_is_a_proxys(name) and not is_trusted):
                continue
            if name in headers:
                again.setdefault(name, [headers[name]]).append(value)
            else:
                headers[name] = value
        for name, said in again.items():  # once: each line may be short, and there may be many
            headers[name] = ("; " if name == "cookie" else ",").join(said)
        if not is_trusted:
            return Caller(peer, scheme, headers)
        told = headers.get("x-forwarded-proto")
        scheme = told if told in {"http", "https"} else scheme
        return Caller(self._client(headers) or peer, scheme, headers)

    def _client(self, headers: dict[str, str]) -> str:
        hops = [_without_port(hop) for hop in headers.get("x-forwarded-for", "").split(",")]
        client = next((hop for hop in reversed(hops) if hop and not self._is_trusted(hop)), "")
        return client if _address(client) else ""

    def _is_trusted(self, text: str) -> bool:
        address = _address(text) if self.networks else None
        return address is not None and any(address in network for network in self.networks)


def _is_a_proxys(name: str) -> bool:
    return name.startswith(_PREFIXES) or name in _OTHERS


def _without_port(hop: str) -> str:
    """Return the address in a word of `X-Forwarded-For`; what is none stays as it is."""
    found = _WITH_PORT.fullmatch(hop.strip())
    return (found[1] or found[2]) if found else hop.strip()


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # What listens on IPv6 sees 10.0.0.1 as ::ffff:10.0.0.1.
    return getattr(address, "ipv4_mapped", None) or address
