"""What is asked of a directory: whose password this is, in which groups they are, who is gone."""

import secrets
import time
from collections.abc import Collection, Iterator, Mapping, Sequence

import structlog
from django.utils.translation import gettext_noop as _

from accounts.errors import (
    DISABLED,
    NOT_AUTHORIZED,
    AccessDenied,
    InvalidGrant,
    Misconfigured,
    Said,
)
from accounts.http import CallFailed, Client
from accounts.provider import Authentication, Clock
from providers.ldap import entries, policy
from providers.ldap.client import SUCCESS, TOO_LARGE, Connection, Entry, Result
from providers.ldap.pool import Servers, Session
from providers.ldap.settings import LdapSettings

# Levels of groups in groups, and names in one search for them.
DEEPEST, AT_ONCE = 10, 200
# How many entries of one name are looked at: a directory may take alike what the house tells apart.
ALIKE = 10
# So many people are not all gone at once: a directory that says so hides them, and nobody is ended.
MANY = 10
LONGEST_PAUSE = 1.0
_SIZE_LIMIT, _NO_SUCH, _REFERRAL, _ADMIN_LIMIT, _NO_RIGHT = 4, 32, 10, 11, 50
log = structlog.get_logger("vestibule.ldap")


class Directory:
    """One source's directory. Thread-safe."""

    def __init__(
        self, settings: LdapSettings, http: Client, clock: Clock, mapped: Collection[str] = ()
    ) -> None:
        self.settings, self._clock = settings, clock
        self._written = (*settings.allowed_groups, *mapped)
        self.servers = Servers(settings, http)
        self._refusal_takes = 0.0

    def authenticate(self, username: str, password: str) -> Authentication:
        """Return who a name and a password prove to be: a search, a bind, a search for groups.

        A name that nobody has costs a bind too, and the time that a wrong password takes. Raises
        `InvalidGrant`, `AccessDenied` for a right password that does not count or a person who is
        not let in, and `TemporarilyUnavailable`.
        """
        outcome = self.servers.ask(lambda session: self._prove(session, username, password))
        if isinstance(outcome, float):
            time.sleep(max(0.0, min(LONGEST_PAUSE, self._refusal_takes) - outcome))
            raise InvalidGrant(policy.WRONG)
        return outcome

    def refused(self, subjects: Collection[str]) -> Mapping[str, str]:
        """Return those of `subjects` who are gone, disabled or in no allowed group any more, with
        the reason. Raises `TemporarilyUnavailable`, also when that would be all of many.
        """
        judged: dict[str, str] = {}
        for asked, found in self._answers(list(subjects)):
            judged |= self._judged(asked, found)
        if all(judged.values()) and len(judged) >= MANY:
            why = _("The directory would let in none of %(people)d people.")
            raise Misconfigured(Said(why, people=len(judged)))
        return {each: why for each, why in judged.items() if why}

    def _answers(self, subjects: Sequence[str]) -> Iterator[tuple[Sequence[str], list[Entry]]]:
        """Yield these people with their entries. Where those are too much for one answer, as when
        each names many groups, half of them are asked for; somebody whose own is, is left out.
        """
        query, half = entries.filter_for_subjects(self.settings, subjects), len(subjects) // 2

        def search(session: Session) -> list[Entry] | None:
            try:
                return self._search(session, self.settings.base, query)
            except CallFailed as error:
                if error.kind != TOO_LARGE:
                    raise
                return None  # the server is well

        found = self.servers.ask(search)
        if found is not None:
            yield subjects, found
        elif half:
            yield from self._answers(subjects[:half])
            yield from self._answers(subjects[half:])
        else:
            log.warning("ldap.entry_too_large", base=self.settings.base)

    def _judged(self, asked: Sequence[str], found: Sequence[Entry]) -> dict[str, str]:
        """Return why each of these people is let in no more, nothing for who is. An entry that
        names nobody, or two, is no word on whoever it could be.
        """
        known: dict[str, Entry] = {}
        unclear: set[str] = set()
        for entry in found:
            try:
                known[entries.subject(self.settings, entry)] = entry
            except Misconfigured:
                log.warning("ldap.unclear", dn=entry.dn)
                unclear |= entries.could_be(self.settings, entry, asked)
        clear = [each for each in asked if each in known or each not in unclear]
        return {each: self._judge(known.get(each)) for each in clear}

    def _prove(self, session: Session, username: str, password: str) -> Authentication | float:
        """Return who it is, or how many seconds it took to find out that it is nobody."""
        entry = self._find(session, username)
        began = time.monotonic()
        dn = entry.dn if entry else f"uid={secrets.token_hex(8)},{self.settings.base}"
        said = session.as_nobody(lambda own: own.bind(dn, password, session.place))
        took = time.monotonic() - began
        if entry is None:
            return took
        try:
            notice = policy.check(said, session.origin)
        except InvalidGrant:
            self._refusal_takes = 0.8 * (self._refusal_takes or took) + 0.2 * took
            raise
        except AccessDenied:
            if self._is_disabled(entry):
                raise policy.refusal(policy.CLOSED) from None
            raise
        if self._is_disabled(entry):
            raise policy.refusal(policy.CLOSED)
        groups = self._groups(session, entry)
        return entries.authentication(self.settings, entry, groups, notice)

    def _find(self, session: Session, username: str) -> Entry | None:
        """Return the one entry of a name, None for none and for more than one."""
        query = entries.filter_for(self.settings, username)
        found = self._search(session, self.settings.base, query, limit=ALIKE)
        named = [each for each in found if entries.is_called(self.settings, each, username)]
        if len(named) > 1:
            log.warning("ldap.ambiguous", base=self.settings.base, found=[e.dn for e in named])
        return named[0] if len(named) == 1 else None

    def _groups(self, session: Session, entry: Entry) -> set[str] | None:
        """Return the groups of an entry, None when the source says nothing of groups."""
        if self.settings.group_attribute:
            return self._named_in(entry)
        if not self.settings.group_filter:
            return None
        found: dict[str, Entry] = {}
        asked, level = {entries.folded(entry.dn)}, [entry.dn]
        for _depth in range(DEEPEST if self.settings.nested_groups else 1):
            above: dict[str, Entry] = {}
            for start in range(0, len(level), AT_ONCE):
                above |= self._groups_with(session, level[start : start + AT_ONCE])
            found |= above
            level = [each.dn for name, each in above.items() if name not in asked]
            asked |= above.keys()
            if not level:
                break
        named = entries.groups_of(self.settings, found.values())
        return entries.as_written(self.settings, named, self._written)

    def _named_in(self, entry: Entry) -> set[str]:
        named = entries.groups_in(self.settings, entry)
        return entries.as_written(self.settings, named, self._written)

    def _groups_with(self, session: Session, members: list[str]) -> dict[str, Entry]:
        base = self.settings.group_base or self.settings.base
        query = entries.filter_for_members(self.settings, members)
        wanted = [] if self.settings.group_name.lower() == "dn" else [self.settings.group_name]
        found = self._search(session, base, query, wanted=wanted)
        return {entries.folded(each.dn): each for each in found}

    def _search(
        self,
        session: Session,
        base: str,
        query: str,
        *,
        wanted: list[str] | None = None,
        limit: int = 0,
    ) -> list[Entry]:
        """Search as the source's own reader. Raises `Misconfigured` and `CallFailed`."""
        named = entries.attributes(self.settings) if wanted is None else wanted

        def search(own: Connection) -> tuple[Result, list[Entry]]:
            said, found = own.search(base, query, named, session.place, limit=limit)
            if said.code == _SIZE_LIMIT and not limit:
                return own.search(base, query, named, session.place, paged=True)
            return said, found

        said, found = session.as_reader(search)
        if said.code in {SUCCESS, _SIZE_LIMIT if limit else SUCCESS}:
            return found
        told = {"place": session.origin, "base": base, "code": said.code}
        if said.code in {_SIZE_LIMIT, _ADMIN_LIMIT}:  # of what was asked for: the server is well
            why = _("The size limit of %(place)s is below what is found under %(base)s (%(code)d).")
            raise Misconfigured(Said(why, **told))
        if said.code in {_NO_SUCH, _REFERRAL, _NO_RIGHT}:
            why = _("%(place)s does not search %(base)s for us (%(code)d).")
            raise Misconfigured(Said(why, **told))
        why = _("%(place)s cannot search now (%(code)d).")
        raise CallFailed(Said(why, **told), kind="Refused")

    def _judge(self, entry: Entry | None) -> str:
        if entry is None or self._is_disabled(entry):
            return DISABLED
        allowed = set(self.settings.allowed_groups)
        if allowed and self.settings.group_attribute:
            return "" if allowed & self._named_in(entry) else NOT_AUTHORIZED
        return ""

    def _is_disabled(self, entry: Entry) -> bool:
        return entries.is_disabled(self.settings, entry, self._clock())
