"""The rules in the form in which they are asked: compiled once per worker (docs/gateway.md 3)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import DatabaseError

from accounts import ended
from accounts.errors import InvalidRequest
from accounts.strength.levels import Strength, named
from portal import conf
from portal.gateway.hosts import host_of
from portal.gateway.models import AccessRule
from portal.gateway.paths import Reading, above, covers, in_all_forms, lies_in

PUBLIC, SIGNED_IN, NOBODY = AccessRule.Access.values
_MOST_HOSTS = 1000


@dataclass(frozen=True, slots=True)
class AppCookie:
    """A cookie of an application's own, as it was set."""

    name: str
    path: str = "/"
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may come in at a host, below a path, by some methods. `proof` is how many seconds ago a
    person must have proved who they are at most; 0 asks for none. `strength` is how strongly; None
    asks for nothing.
    """

    slug: str
    host: str
    path: str = "/"
    methods: frozenset[str] = frozenset()
    access: str = SIGNED_IN
    types: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    proof: int = 0
    strength: Strength | None = None
    pass_token: bool = False
    by_username: bool = False
    websockets: bool = False
    cookies: tuple[AppCookie, ...] = ()
    clear_storage: bool = False
    forms: tuple[tuple[str, ...], ...] = field(init=False, repr=False, compare=False, default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "forms", in_all_forms(self.path))

    def is_for(self, host: str) -> bool:
        """Tell whether the rule speaks of `host`; `*.` stands for every name below a domain."""
        if self.host.startswith("*."):
            return host.endswith(self.host[1:])
        return host == self.host

    def matches(self, method: str, reading: Reading) -> bool:
        """Tell whether the rule speaks of a request to its host."""
        return self.names(method) and lies_in(self.forms[reading.form.value], reading.path)

    def names(self, method: str) -> bool:
        """Tell whether the rule speaks of a method. HEAD is a GET without a body."""
        named = not self.methods or method in self.methods
        return named or (method == "HEAD" and "GET" in self.methods)

    def hides(self, later: "Rule") -> bool:
        """Tell whether a rule that follows is never asked: all it speaks of is decided here."""
        hosts = self.is_for(later.host) or self.is_for(later.host.removeprefix("*"))
        wider = not self.methods or bool(later.methods and self.methods >= later.methods)
        return hosts and wider and covers(self.path, later.path)


class Rules:
    """All rules in their order."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = tuple(rules)
        self._by_host: dict[str, tuple[Rule, ...]] = {}

    def of(self, host: str) -> tuple[Rule, ...]:
        """Return the rules that speak of `host`."""
        found = self._by_host.get(host)
        if found is None:
            found = tuple(each for each in self._rules if each.is_for(host))
            if len(self._by_host) < _MOST_HOSTS:
                self._by_host[host] = found
        return found

    def first(self, host: str, method: str, reading: Reading) -> Rule | None:
        """Return the first rule that matches, or None."""
        return next((each for each in self.of(host) if each.matches(method, reading)), None)

    def below(self, host: str, method: str, reading: Reading) -> Iterator[Rule]:
        """Yield each rule that decides about something below. Rules after the first that covers
        the path itself decide nothing there.
        """
        decided: set[str] = set()
        for rule in self.of(host):
            forms = rule.forms[reading.form.value]
            if not rule.names(method):
                continue
            if lies_in(forms, reading.path):
                return
            own = [each for each in forms if covers(reading.path, each)]
            if own and not all(decided.intersection(above(each)) for each in own):
                decided.update(each.rstrip("/") for each in own)
                yield rule


def leads_to(scheme: str, authority: str) -> bool:
    """Tell whether a person may be sent on to an application there after a sign-in: a rule speaks
    of its host. Nobody is while the rules cannot be read.
    """
    if scheme not in ({"https"} if conf.cookies_are_secure() else {"http", "https"}):
        return False
    try:
        return bool(compiled().of(host_of(authority)))
    except (DatabaseError, InvalidRequest):
        return False


def compiled() -> Rules:
    """Return the rules as they are since at most half a second. Raises `DatabaseError`."""
    version = ended.version(ended.RULE)
    found = _held.get(version)
    if found is None:
        found = Rules(of_row(row) for row in AccessRule.objects.filter(enabled=True))
        _held.clear()
        _held[version] = found
    return found


def at_hand() -> Rules | None:
    """Return the rules if that needs no query."""
    feed = ended.at_hand()
    return _held.get(feed.versions[ended.RULE]) if feed else None


def forget() -> None:
    """Have the rules read anew."""
    _held.clear()


# The latest, by the version of the ended feed.
_held: dict[int, Rules] = {}


def of_row(row: AccessRule) -> Rule:
    """Return a stored rule as it is asked."""
    return Rule(
        slug=row.slug,
        host=row.host,
        path=row.path,
        methods=frozenset(row.methods),
        access=row.access,
        types=frozenset(row.types),
        groups=frozenset(row.groups),
        proof=row.proof_seconds,
        strength=named(row.strength),
        pass_token=row.pass_token,
        by_username=row.remote_user == AccessRule.RemoteUser.USERNAME,
        websockets=row.websockets,
        cookies=tuple(_cookie(each) for each in row.cookies),
        clear_storage=row.clear_storage,
    )


def _cookie(held: Mapping[str, Any]) -> AppCookie:
    return AppCookie(held["name"], held.get("path", "/"), held.get("domain", ""))
