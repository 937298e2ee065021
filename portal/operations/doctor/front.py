"""The server in front: that the site is reached, and what of a caller's lies arrives."""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from django.utils.translation import gettext as _

from accounts import conf as ground
from accounts.http.address import is_inside
from accounts.provider import Finding, verdict
from portal import conf
from portal.operations.doctor import mirror
from portal.operations.doctor.look import Look
from portal.operations.doctor.visit import Seen

FOUND, MISSING = 200, 404


def reached(look: Look) -> Iterator[Finding]:
    """Yield whether the public address leads to this very installation."""
    seen, url = look.seen, ground.site_url()
    if not isinstance(seen, Seen):
        said = _("The site does not answer at %(url)s: %(why)s.") % {"url": url, "why": seen.why}
        fix = _("Start it and the server in front; compare VESTIBULE_SITE_URL with its address.")
        yield Finding(False, said, fix)
        return
    if seen.status == MISSING:
        fix = _("Run this command with the variables of the workers, and start these anew.")
        said = _("What answers at %s does not have this installation's VESTIBULE_SECRET_KEY.") % url
        yield Finding(False, said, fix)
        return
    yield verdict(
        seen.status == FOUND and seen.told,
        _("The site answers at %s.") % url,
        _("The site answers %(status)d at %(url)s.") % {"status": seen.status, "url": url},
        _("Let the server in front pass every path on, and name the site by its own host."),
    )


def findings(look: Look) -> Iterator[Finding]:
    """Yield what the proxy does with words on address and scheme."""
    seen, forged = look.seen, look.forged
    if not isinstance(seen, Seen) or not isinstance(forged, Seen) or not seen.told:
        return
    plain, lied = seen.told, forged.told or seen.told
    https = ground.site_url().startswith("https:")
    yield verdict(
        (plain["scheme"] == "https") == https,
        _("The site knows the scheme of the public address."),
        _("The site takes requests by https for plain http."),
        _(
            "Let the proxy send X-Forwarded-Proto, and name the address that it calls from in "
            "VESTIBULE_TRUSTED_PROXIES."
        ),
    )
    yield _address(plain["address"], seen.own_address)
    yield _forged(lied)
    passed = sorted(
        name for name, value in lied.get("forwarded", {}).items() if _is_forged(name, value)
    )
    yield verdict(
        not passed,
        _("No other word on forwarding comes through."),
        _("The proxy passes on what callers say: %s.")
        % ", ".join(name.removeprefix("HTTP_").replace("_", "-").title() for name in passed),
        _("Let the proxy take these headers out, as the files of deploy/ do."),
    )


def _address(address: str, own: str) -> Finding:
    """Judge the client's address, which the limits of attempts count by."""
    fix = _(
        "Name the address that the proxy calls from in VESTIBULE_TRUSTED_PROXIES, and let it send "
        "X-Forwarded-For."
    )
    said = _("Everybody seems to come from %s, which is the proxy.") % address
    is_proxy = address != own and is_inside(address) and not _same_net(address, own)
    return verdict(
        address and not is_proxy and not (address != own and _is_trusted(address)),
        _("The site knows the address of who calls."),
        said,
        fix,
    )


def _forged(lied: dict[str, object]) -> Finding:
    believed = lied["address"] == mirror.FORGED_ADDRESS
    return verdict(
        not believed,
        _("Nobody can choose their own address."),
        _("A caller can choose their own address by X-Forwarded-For."),
        _(
            "Let the proxy overwrite X-Forwarded-For by the address that it sees, and trust no "
            "network that people call from."
        ),
    )


def _is_forged(name: str, value: str) -> bool:
    """Tell whether a header says what the doctor has made up, other than the client's address."""
    if name == "HTTP_X_FORWARDED_FOR":
        return False
    lies = {f"HTTP_{each.upper().replace('-', '_')}": text for each, text in mirror.FORGED.items()}
    return lies.get(name, "\0") in value


def _is_trusted(address: str) -> bool:
    return any(ip_address(address) in ip_network(each) for each in conf.trusted_proxies())


def _same_net(address: str, own: str) -> bool:
    """Tell whether both are of one private net: we may have called from another interface."""
    loopback = ip_address(address).is_loopback
    return not loopback and not ip_address(own).is_loopback and is_inside(own)
