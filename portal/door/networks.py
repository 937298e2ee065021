"""Networks in which an address may lie."""

from collections.abc import Iterable
from ipaddress import ip_address

from portal.conf import Network


def is_among(address: str, networks: Iterable[Network]) -> bool:
    """Tell whether an address lies in one of the networks; an IPv4 address that came by IPv6 too
    (RFC 4291, 2.5.5.2). What is no address lies in none.
    """
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in network for network in networks)
