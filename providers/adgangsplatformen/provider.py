"""Adgangsplatformen, by the CMS of a Danish library: its session is shared with this site.

The CMS signs people in and out; its cookie reaches us since we stand at or below its domain. We
hand the cookie back to the CMS, which answers with the patron's token (docs/threats.md 2.1 to 2.4).
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from django.utils.translation import gettext as _

from accounts.errors import InvalidGrant, ProtocolError, TemporarilyUnavailable
from accounts.http import Client
from accounts.provider import (
    Authentication,
    Clock,
    Cookies,
    Description,
    End,
    Finding,
    Keep,
    LoginFlow,
    LogoutPlan,
    Redirect,
    SessionRef,
    SourceRef,
    TokenSet,
)
from providers.adgangsplatformen import fresh, patrons, selftest
from providers.adgangsplatformen.client import Budget, Cms
from providers.adgangsplatformen.cookies import TRIED, CmsCookie, Markers, candidates, patterns
from providers.adgangsplatformen.settings import CmsSettings

# Who leaves does not wait long for a CMS that may not answer.
LEAVING_SECONDS = 2.5


class AdgangsplatformenProvider:
    """Speaks to the CMS that the settings name."""

    session_type: ClassVar[str] = "adgangsplatformen"
    Settings: ClassVar[type[Any]] = CmsSettings
    registered: ClassVar[Mapping[str, str]] = {
        "GO_DOMAIN": "",
        "/go-login": "/auth/callback/adgangsplatformen",
        "/go-logout": "/",
    }

    def __init__(
        self, source: SourceRef, settings: CmsSettings, http: Client, clock: Clock
    ) -> None:
        self.source, self.settings, self.http, self.clock = source, settings, http, clock
        self.cms = Cms(settings, http)
        self.markers = Markers(source.slug)

    def describe(self) -> Description:
        """Return what the pages need to know, from the settings alone."""
        return Description(
            label=_("The library"),
            icon="library",
            help=_("For patrons of the library."),
            cookies=patterns(self.settings),
            unsolicited=True,
            home=f"{self.settings.origin}/",
            ends_with_token=True,
            issuer=self.settings.origin,
            fleeting=patrons.FLEETING,
        )

    def offers_login(self) -> bool:
        """Tell whether the CMS offers a login, as far as is known. A CMS that does not answer is
        asked once in thirty seconds.
        """
        return self.cms.offers_login(self.clock())

    def begin_login(self, flow: LoginFlow) -> Redirect:
        """Return the CMS's login. It begins anew for everybody.

        Raises `TemporarilyUnavailable` when its URL is not known, or the CMS offers none.
        """
        login = self.cms.urls(self.clock()).login
        if not login:
            raise TemporarilyUnavailable("The CMS offers no login by Adgangsplatformen.")
        return Redirect(login)

    def complete_login(
        self, flow: LoginFlow | None, response: Mapping[str, str], cookies: Cookies
    ) -> Authentication:
        """Return the patron of these cookies, as the CMS says. The query holds nothing.

        Whoever is added to an account must be the patron of each living cookie that came. The
        cookie of a person who left is refused without a flow, and to a flow that asks for a
        fresh proof. Raises `InvalidGrant`, `AccessDenied` (not registered) or
        `TemporarilyUnavailable`.
        """
        alike = bool(flow and flow.link_uid)
        mine = candidates(self.settings, cookies, most=TRIED + alike)
        if not mine:
            raise InvalidGrant(
                "The browser brought no cookie of the CMS: is this site within its cookie's domain?"
            )
        again = flow if flow and flow.again else None
        if flow is None or again:
            mine = self.markers.without("left", mine)
        mine = fresh.anew(again, mine) if again else mine
        outcome = self._authenticate(mine, alike=alike)
        if outcome is None:
            raise InvalidGrant("The CMS knows no patron by the browser's cookie.")
        self.markers.drop("left", outcome.bound_to)
        return fresh.proved(again, outcome, self.clock()) if again else outcome

    def explain(self, description: str) -> tuple[str, str]:
        """Return why somebody has proved nothing, or was not added, and what to do."""
        return patrons.explanation(description) or fresh.explanation(description)

    def recognise(self, cookies: Cookies) -> Authentication | None:
        """Return the patron who is signed in at the CMS; None for strangers and who left here.

        Raises `AccessDenied` (not registered) or `TemporarilyUnavailable`.
        """
        mine = self.markers.without("left", candidates(self.settings, cookies))
        mine = self.markers.without("stranger", mine)
        try:
            outcome = self._authenticate(mine)
        except InvalidGrant:
            outcome = None
        if outcome is None:
            for each in mine:
                self.markers.put("stranger", each.digest)
        return outcome

    def revalidate(
        self, session: SessionRef, tokens: TokenSet | None, cookies: Cookies
    ) -> Keep | Authentication | End:
        """Compare the CMS's session with the one that this session is bound to.

        A missing cookie ends the session. A changed one is asked about at the CMS (W4), and so is
        a token that is due, once in ten seconds.
        """
        mine, now = candidates(self.settings, cookies, session.bound_to), self.clock()
        if not mine:
            return End("the CMS's cookie is gone")
        same = session.bound_to in {each.digest for each in mine}
        if same and not self.markers.is_due(session, now, self.settings.recheck):
            return Keep()
        try:
            outcome = self._authenticate(mine)
        except TemporarilyUnavailable:
            # Another cookie may be another person's.
            alive = session.expires_at is None or session.expires_at > now
            return Keep() if same and alive else End("the CMS does not answer")
        except ProtocolError as error:
            return End(error.description)
        if outcome is None:
            return End("the CMS knows nobody by its cookie")
        if outcome.bound_to == session.bound_to and session.subject.startswith(patrons.FLEETING):
            # Drupal gives a session a new id at each sign-in: the same cookie is the same person.
            outcome = replace(outcome, subject=session.subject)
        known = (outcome.subject, outcome.bound_to, outcome.expires_at)
        unchanged = known == (session.subject, session.bound_to, session.expires_at)
        return Keep() if unchanged else outcome

    def uncouple(self, session: SessionRef) -> None:
        """Let the session's cookie be as that of a person who left (W8)."""
        self.markers.put("left", session.bound_to)

    def plan_logout(
        self, session: SessionRef, tokens: TokenSet | None, cookies: Cookies, return_to: str
    ) -> LogoutPlan:
        """Plan the visit of the CMS's logout, when the CMS still knows the cookie's patron.

        The logout answers 403 to strangers, and a CMS that is down strands the browser (W9): it may
        still know the patron. The cookie signs nobody in again without a click (W8).
        """
        mine, now = candidates(self.settings, cookies, session.bound_to), self.clock()
        if session.bound_to:
            self.markers.put("left", session.bound_to)
            if not mine:
                return LogoutPlan(unanswered=TokenSet())
        budget = Budget(LEAVING_SECONDS)
        try:
            if not self.cms.first_token(mine, budget, now):
                return LogoutPlan()  # cookies of nobody are not worth a mark
            plan = LogoutPlan(visit=self.cms.urls(now).logout)
        except ProtocolError:
            # Nobody is sent there.
            plan = LogoutPlan(unanswered=TokenSet(), answered=budget.vain)
        for each in mine:
            self.markers.put("left", each.digest)
        return plan

    def check(self) -> list[Finding]:
        """Test the CMS, its addresses and its cookie's domain, live."""
        return list(selftest.findings(self.source, self.settings, self.cms, self.http))

    def _authenticate(self, mine: list[CmsCookie], *, alike: bool = False) -> Authentication | None:
        now = self.clock()
        return patrons.authenticate(self.settings, self.cms, self.http, mine, now, alike=alike)
