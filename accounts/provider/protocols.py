"""What a provider can do: `Provider`, one of `WAYS_IN`, and what it may do besides."""

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

from accounts.provider.values import (
    Authentication,
    Clock,
    Cookies,
    Description,
    End,
    Ended,
    Finding,
    Keep,
    LoginFlow,
    LogoutPlan,
    Prompt,
    Redirect,
    SessionRef,
    SourceRef,
    TokenSet,
    Visit,
)


class Provider(Protocol):
    """What every provider is, besides one of `WAYS_IN`. docs/providers.md tells what each
    member does.
    """

    session_type: ClassVar[str]
    Settings: ClassVar[type[Any]]

    def __init__(self, source: SourceRef, settings: Any, http: Any, clock: Clock) -> None:
        """Take all that it needs; open nothing, call nobody."""

    def describe(self) -> Description:
        """Return what the pages need to know. Pure: no call, no query."""

    def plan_logout(
        self, session: SessionRef, tokens: TokenSet | None, cookies: Cookies, return_to: str
    ) -> LogoutPlan:
        """Plan the way out. Must not raise; what it does not know is an empty plan."""

    def check(self) -> list[Finding]:
        """Test the source live, for operators."""


@runtime_checkable
class Redirects(Protocol):
    """A provider that sends the browser to an upstream, which sends it back with an answer."""

    def begin_login(self, flow: LoginFlow) -> Redirect:
        """Return where to send the browser.

        Raises `TemporarilyUnavailable` when the upstream must be asked first and does not answer.
        """

    def complete_login(
        self, flow: LoginFlow | None, response: Mapping[str, str], cookies: Cookies
    ) -> Authentication:
        """Verify the upstream's answer and return a whole identity.

        `flow` is None only for a provider that declares `unsolicited`; without a cookie either it
        calls nobody, since any page on the web can send that. Raises `AccessDenied`, `InvalidGrant`
        or `TemporarilyUnavailable`; never returns half an identity.
        """


@runtime_checkable
class Prompts(Protocol):
    """A provider that asks for a name and a secret in a form of ours. It has no flow."""

    def prompt(self) -> Prompt:
        """Return the form. Pure: no call, no query."""

    def verify(self, form: Mapping[str, str]) -> Authentication:
        """Verify the posted fields and return a whole identity.

        Raises `AccessDenied`, `InvalidGrant`, `InvalidRequest` or `TemporarilyUnavailable`.
        """


@runtime_checkable
class Offers(Protocol):
    """A provider whose upstream may not offer a sign-in."""

    def offers_login(self) -> bool:
        """Tell whether a sign-in can start, as far as is known. Asks the upstream rarely, shortly
        and one caller at a time; raises nothing that it causes.
        """


@runtime_checkable
class Explains(Protocol):
    """A provider with rules of its own about who may come in, or about what proves it."""

    def explain(self, description: str) -> tuple[str, str]:
        """Return why, and what to do or whom to ask, for the description of an `AccessDenied` or
        an `InvalidGrant`; else nothing.
        """


@runtime_checkable
class Introduces(Protocol):
    """A provider whose people may have no name here."""

    def introduce(self, public: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Return what the public claims of a session say of its person instead: a label in the
        language of the moment, and a value. Pure: no call, no query.
        """


@runtime_checkable
class Refreshes(Protocol):
    """A provider whose tokens can be refreshed."""

    def refresh(self, tokens: TokenSet) -> TokenSet:
        """Return new tokens, with the old refresh token when the upstream omits one. Raises
        `InvalidGrant`, which ends the session, or `TemporarilyUnavailable`, which does not.
        """


@runtime_checkable
class RefreshesInSteps(Protocol):
    """The two steps of a `refresh`: what the first returns is stored before the second."""

    def renew(self, tokens: TokenSet) -> TokenSet:
        """Return new tokens by one call, as `refresh` does."""

    def confirm(self, before: TokenSet, fresh: TokenSet) -> None:
        """Verify what `renew` made of the tokens `before`. Raises as `refresh` does."""


@runtime_checkable
class CallsLogout(Protocol):
    """A provider that is told of a logout by a call. One that is called for a browser's logout too,
    and not visited, has `leaves_by_call = True`: it is called later where nothing could be planned.
    """

    def call_logout(self, tokens: TokenSet) -> None:
        """Do the call that a plan names: idempotent, short. Raises when it failed."""


@runtime_checkable
class Recognises(Protocol):
    """A provider whose upstream shares a cookie with this site, by which it knows people."""

    def recognise(self, cookies: Cookies) -> Authentication | None:
        """Return who these cookies belong to, or None."""


@runtime_checkable
class Revalidates(Protocol):
    """A provider whose sessions depend on a cookie that can change between two requests."""

    def revalidate(
        self, session: SessionRef, tokens: TokenSet | None, cookies: Cookies
    ) -> Keep | Authentication | End:
        """Judge the session at every request. Makes no call unless something is due.

        `tokens` are given when they are due, else None.
        """


@runtime_checkable
class Uncouples(Protocol):
    """A provider that recognises people, and can let be whom it has recognised."""

    def uncouple(self, session: SessionRef) -> None:
        """Let the cookie on which the session hangs sign nobody in without a click: somebody has
        had it ended, or its computer is shared. Must not raise.
        """


@runtime_checkable
class Rechecks(Protocol):
    """A provider that can be asked about people who are not here, `recheck_seconds` after the last
    time.
    """

    def recheck(self, subjects: Collection[str]) -> Mapping[str, str]:
        """Return those of `subjects` who would not be let in now, each with the reason, a constant
        of `accounts.errors`. Raises `TemporarilyUnavailable` when that cannot be said of them.
        """


@runtime_checkable
class Recovers(Protocol):
    """A provider that mails links by which people set their password here. `uid` is our public id
    of a person.
    """

    def send_links(self, identifier: str, visit: Visit) -> None:
        """Mail a link to those whom `identifier` names. Returns at once, whoever there is."""

    def send_link(self, uid: str, *, first: bool) -> bool:
        """Mail a person a link; `first` welcomes somebody who never had a password. Returns False
        when the person has no address or is not let in.
        """

    def tell_former_address(self, uid: str, address: str) -> None:
        """Mail the former address of a person that an administrator has changed it."""

    def knows_link(self, uid: str, token: str) -> bool:
        """Tell whether the token of a link works (still) for the person."""

    def redeem_link(self, uid: str, token: str, password: str, visit: Visit) -> None:
        """Set the password, and end all sessions of the person. Raises `InvalidGrant` for a link
        that does not work, of many uses one wins, and `TemporarilyUnavailable` when too many
        passwords are being hashed.
        """


@runtime_checkable
class SendsMail(Protocol):
    """A provider that posts mails to the outbox, and writes them when they leave."""

    def send_mail(self, message: Mapping[str, Any]) -> None:
        """Write and send what was posted. Raises `TemporarilyUnavailable` to be asked again, as its
        subclass `NotTaken` when other mails would be taken.
        """


@runtime_checkable
class VerifiesBearer(Protocol):
    """A provider whose upstream's access tokens are accepted."""

    def verify_bearer(self, token: str) -> Authentication:
        """Return whose access token this is. Raises `InvalidGrant` or `TemporarilyUnavailable`."""


@runtime_checkable
class VerifiesLogoutToken(Protocol):
    """A provider whose upstream ends sessions from afar."""

    def verify_logout_token(self, raw: str) -> Ended:
        """Return what ended (OIDC Back-Channel Logout 1.0, 2.6). Raises `InvalidRequest`."""


@runtime_checkable
class FillsIn(Protocol):
    """A provider whose settings can be filled in from what its upstream publishes."""

    def filled_in(self) -> Mapping[str, Any]:
        """Return the settings that follow from what the upstream says of itself, beside those that
        this provider was made with. Raises `TemporarilyUnavailable`.
        """


@runtime_checkable
class Discovers(Protocol):
    """A provider that can pass its upstream's own discovery document through."""

    def discovery(self) -> Mapping[str, Any]:
        """Return the document, or the last good copy. Raises `TemporarilyUnavailable`."""


WAYS_IN: tuple[type[Any], ...] = (Redirects, Prompts)
OPTIONAL: tuple[type[Any], ...] = (
    *(Offers, Explains, Introduces, Refreshes, RefreshesInSteps, CallsLogout, Recognises),
    *(Revalidates, Uncouples, Rechecks, FillsIn),
    *(Recovers, SendsMail, VerifiesBearer, VerifiesLogoutToken, Discovers),
)


def members(protocol: type[Any]) -> tuple[str, ...]:
    """Return the names of the methods that `protocol` asks for."""
    return tuple(name for name in vars(protocol) if not name.startswith("_"))
