"""A directory: people whose names and passwords an LDAP server keeps (docs/ldap.md)."""

import unicodedata
from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from django.utils.translation import gettext as _

from accounts.errors import InvalidGrant, InvalidRequest
from accounts.http import Client
from accounts.provider import (
    LONGEST_PASSWORD,
    Authentication,
    Clock,
    Cookies,
    Description,
    Finding,
    LogoutPlan,
    Prompt,
    PromptField,
    SessionRef,
    SourceRef,
    TokenSet,
)
from providers.ldap import entries, policy, selftest
from providers.ldap.directory import Directory
from providers.ldap.settings import LdapSettings

LONGEST_NAME = 256


class LdapProvider:
    """Speaks LDAP (RFC 4511) to the servers that the settings name: search, then bind."""

    session_type: ClassVar[str] = "ldap"
    Settings: ClassVar[type[Any]] = LdapSettings

    def __init__(
        self, source: SourceRef, settings: LdapSettings, http: Client, clock: Clock
    ) -> None:
        self.source, self.settings = source, settings
        self.directory = Directory(settings, http, clock, source.groups)

    def describe(self) -> Description:
        """Return what the pages need to know, from the settings alone."""
        return Description(
            label=self.settings.label or _("Work account"),
            icon=self.settings.icon,
            help=self.settings.help,
            issuer=self.settings.issuer,
            recheck_seconds=60 * self.settings.recheck_minutes,
        )

    def prompt(self) -> Prompt:
        """Return the form: username and password."""
        password = ("password", _("Password"), "password", "current-password", LONGEST_PASSWORD)
        return Prompt(
            fields=(
                PromptField("username", _("Username"), "text", "username", LONGEST_NAME),
                PromptField(*password),
            ),
            identifier="username",
        )

    def verify(self, form: Mapping[str, str]) -> Authentication:
        """Verify the posted `username` and `password` at the directory.

        Raises `InvalidRequest` for what no form of ours sends; `InvalidGrant` alike for a wrong
        password, an unknown name, one of two people, and at once, before the wire, for an empty
        one; `AccessDenied` for a right password of somebody who is not let in;
        `TemporarilyUnavailable` when no server could judge.
        """
        username, password = _credentials(form)
        return self.directory.authenticate(username, password)

    def explain(self, description: str) -> tuple[str, str]:
        """Return why somebody with the right password was refused, and what to do."""
        if description == entries.NOT_ALLOWED:
            return _("Your account is in none of the groups that may come in here."), ""
        return policy.explain(description, self.settings.password_page)

    def plan_logout(
        self, session: SessionRef, tokens: TokenSet | None, cookies: Cookies, return_to: str
    ) -> LogoutPlan:
        """Return an empty plan: a directory knows of no session."""
        return LogoutPlan()

    def recheck(self, subjects: Collection[str]) -> Mapping[str, str]:
        """Return those whom the directory would not let in now, with the reason.

        Raises `TemporarilyUnavailable` when no server could say.
        """
        return self.directory.refused(subjects)

    def check(self) -> list[Finding]:
        """Test each server, and what the settings name there, live."""
        return list(selftest.findings(self.settings, self.directory.servers))


def _credentials(form: Mapping[str, str]) -> tuple[str, str]:
    username, password = form.get("username"), form.get("password")
    if username is None or password is None:
        raise InvalidRequest("Both username and password are needed.")
    if not _well_formed(username, LONGEST_NAME) or not _well_formed(password, LONGEST_PASSWORD):
        raise InvalidRequest("The username or the password is too long or not text.")
    if not username.strip() or not password:  # a bind without a password proves nothing
        raise InvalidGrant(policy.WRONG)
    return unicodedata.normalize("NFC", username.strip()), password


def _well_formed(text: str, longest: int) -> bool:
    """Tell whether `text` may be sent: not too long, no NUL, no half of a surrogate pair."""
    unfit = any(each == "\0" or "\ud800" <= each <= "\udfff" for each in text[: longest + 1])
    return len(text) <= longest and not unfit
