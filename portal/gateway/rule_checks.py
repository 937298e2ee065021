"""What a rule may say. The model of a rule asks nothing; whoever stores one asks here."""

import re
from collections.abc import Iterator
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from accounts.source import registry
from accounts.upstream.cookie_header import OURS
from portal.gateway.models import AccessRule
from portal.gateway.paths import LONGEST_OF_A_RULE, resolved

COOKIE_KEYS = frozenset({"name", "path", "domain"})
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\Z")
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})+\Z")
_BRACKETED = re.compile(r"\[[0-9a-f:.]{2,45}\]\Z")
_METHOD = re.compile(r"[A-Z][A-Z-]{0,30}\Z")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")  # RFC 9110, 5.6.2
_COOKIE_PATH = re.compile(r"/[\x21-\x3a\x3c-\x7e]*\Z")


def plain_host(text: str) -> str:
    """Return a host as requests name it: lower case, in the letters of the DNS (RFC 5891)."""
    host = text.strip().lower().rstrip(".")
    wild, name = ("*.", host[2:]) if host.startswith("*.") else ("", host)
    try:
        return wild + (name if name.isascii() else name.encode("idna").decode())
    except UnicodeError:
        return host


def check(rule: AccessRule) -> None:
    """Check a rule as an operator wrote it. Raises `ValidationError`, by field."""
    rule.host = plain_host(rule.host)
    rule.full_clean(validate_unique=False)
    found: dict[str, list[str]] = {}
    for field, problem in _problems(rule):
        found.setdefault(field, []).append(problem)
    if found:
        raise ValidationError(found)


def _problems(rule: AccessRule) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a rule, each with its field."""
    yield from _of_host(rule)
    yield from _of_path(rule)
    lists = ("methods", "types", "groups")
    bad = [name for name in lists if not _is_texts(getattr(rule, name))]
    yield from ((name, _("This must be a list of texts.")) for name in bad)
    if bad:
        return
    for method in rule.methods:
        if not _METHOD.match(method):
            yield "methods", _("%s is no method; they are written in capitals.") % method
    for kind in sorted({*rule.types} - registry.session_types()):
        yield "types", _("There is no session type %s.") % kind
    asks = rule.types or rule.groups or rule.proof_seconds or rule.strength
    if asks and rule.access != AccessRule.Access.SIGNED_IN:
        yield "access", _("Types, groups and a fresh proof are asked of who is signed in.")
    if rule.pass_token and rule.access != AccessRule.Access.SIGNED_IN:
        yield "pass_token", _("Only who is signed in has a token to pass on.")
    yield from _of_cookies(rule)


def _of_host(rule: AccessRule) -> Iterator[tuple[str, str]]:
    host = rule.host
    wild, name = host.startswith("*."), host.removeprefix("*.")
    if not (_DOMAIN.match(name) if wild else _NAME.match(name) or _BRACKETED.match(name)):
        yield "host", _("%s is no host. It stands without scheme and port; *. may begin it.") % host


def _of_path(rule: AccessRule) -> Iterator[tuple[str, str]]:
    path = rule.path
    plain = path.startswith("/") and path.isprintable() and not re.search(r"[\\;?#%]", path)
    if not plain or resolved(path) != path or len(path) > LONGEST_OF_A_RULE:
        said = _(
            "A path begins with / and has no escapes, no query, no .., no // and none of ; \\ #"
        )
        yield "path", said


def _of_cookies(rule: AccessRule) -> Iterator[tuple[str, str]]:
    if not isinstance(rule.cookies, list):
        yield "cookies", _("This must be a list of cookies.")
        return
    for held in rule.cookies:
        if problem := _cookie_problem(rule.host, held):
            yield "cookies", problem
    if rule.clear_storage and not rule.cookies:
        yield "clear_storage", _("Name a cookie: it tells that there is something to clear.")


def _cookie_problem(host: str, held: Any) -> str:
    """Return what is wrong with a cookie of an application, or nothing."""
    if not isinstance(held, dict) or not {*held} <= COOKIE_KEYS or not _is_texts([*held.values()]):
        return _("A cookie has a name, and may have a path and a domain.")
    name, path, domain = (
        str(held.get(key, other)) for key, other in (("name", ""), ("path", "/"), ("domain", ""))
    )
    if not _TOKEN.match(name) or len(name) > 100:
        return _("%s is no name of a cookie.") % name
    if name.removeprefix("__Host-").startswith(OURS):
        return _("%s is a cookie of this site.") % name
    if not _COOKIE_PATH.match(path) or len(path) > 200:
        return _("%s is no path of a cookie.") % path
    if name.startswith("__Host-") and (domain or path != "/"):
        return _("%s begins with __Host-: it has the path / and no domain.") % name
    below = host.removeprefix("*.")
    if domain and not (_DOMAIN.match(domain) and f".{below}".endswith(f".{domain}")):
        return _("%s is not the domain of this host.") % domain
    return ""


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) and each for each in value)
