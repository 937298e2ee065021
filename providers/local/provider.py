"""The local source: people who sign in with a username and a password of this site."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX, check_password, make_password
from django.utils.translation import gettext as _

from accounts.errors import DISABLED, AccessDenied, InvalidGrant, InvalidRequest, ProtocolError
from accounts.login import own
from accounts.models import User
from accounts.models.users import username_key
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
    Visit,
    verdict,
)
from accounts.provider.shown import Shown
from accounts.strength.levels import Strength
from providers.local import new_device, recovery
from providers.local.form import SHOWN
from providers.local.passwords import LONGEST_NAME, fits, renew, well_formed


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """`recovery`: people may have a link mailed to them when they forgot their password."""

    shown: ClassVar[Mapping[str, Shown]] = SHOWN

    recovery: bool = True


class LocalProvider:
    """Verifies a password against the site's own people. Speaks to nobody outside."""

    session_type: ClassVar[str] = "local"
    Settings: ClassVar[type[Any]] = LocalSettings

    def __init__(self, source: SourceRef, settings: LocalSettings, http: Any, clock: Clock) -> None:
        self.source = source
        self.settings = settings

    def describe(self) -> Description:
        """Return what the pages need to know."""
        return Description(label=_("Username and password"), icon="key")

    def prompt(self) -> Prompt:
        """Return the form: username and password."""
        return Prompt(
            fields=(
                PromptField("username", _("Username"), "text", "username webauthn", LONGEST_NAME),
                PromptField(
                    "password", _("Password"), "password", "current-password", LONGEST_PASSWORD
                ),
            ),
            identifier="username",
            recovery=self.settings.recovery,
        )

    def verify(self, form: Mapping[str, str]) -> Authentication:
        """Verify the posted `username` and `password`.

        Raises `InvalidGrant` alike, and after one hash, for a wrong password, an unknown name and a
        person without a password; `AccessDenied` for the right password of a disabled person;
        `InvalidRequest` at once for what no form of ours sends; `TemporarilyUnavailable` when too
        many passwords are hashed already.
        """
        username, password = _credentials(form)
        user = User.objects.filter(username_key=username_key(username)).first()
        if not fits(user, password) or user is None:
            raise InvalidGrant("The username or the password is wrong.")
        if user.status == User.Status.DISABLED:
            raise AccessDenied("This person is not let in.", reason=DISABLED)
        renew(user, password)
        return own.vouched(user, acr=Strength.LOW.word, amr=("pwd",))

    def plan_logout(
        self, session: SessionRef, tokens: TokenSet | None, cookies: Cookies, return_to: str
    ) -> LogoutPlan:
        """Return an empty plan: the session here is all there is."""
        return LogoutPlan()

    def send_links(self, identifier: str, visit: Visit) -> None:
        """Mail a link to whoever forgot, by username or e-mail address. Returns at once."""
        recovery.ask(self.source.slug, identifier, visit)

    def send_link(self, uid: str, *, first: bool) -> bool:
        """Mail a person a link. Returns False for who has no address or is not let in."""
        user = User.objects.filter(uid=uid).first()
        return user is not None and recovery.post(self.source.slug, user, first=first)

    def tell_former_address(self, uid: str, address: str) -> None:
        """Mail the former address of a person that it is theirs no longer."""
        recovery.post_farewell(self.source.slug, uid, address)

    def send_mail(self, message: Mapping[str, Any]) -> None:
        """Send what was posted. Raises `TemporarilyUnavailable` without a mail server."""
        if new_device.DEVICE in message:
            new_device.deliver(message)
        else:
            recovery.deliver(self.source.slug, message)

    def knows_link(self, uid: str, token: str) -> bool:
        """Tell whether a link works (still)."""
        return recovery.holder(uid, token) is not None

    def redeem_link(self, uid: str, token: str, password: str, visit: Visit) -> None:
        """Set a password by a link. Raises `InvalidGrant` and `TemporarilyUnavailable`."""
        user = recovery.holder(uid, token)
        if user is None:
            raise InvalidGrant("This link does not work.")
        recovery.redeem(user, password, visit)

    def check(self) -> list[Finding]:
        """Test that passwords can be hashed and that an administrator can always enter."""
        return [_hashing_works(), _an_administrator_can_enter(self.source.slug)]


def _credentials(form: Mapping[str, str]) -> tuple[str, str]:
    username, password = form.get("username"), form.get("password")
    if username is None or password is None:
        raise InvalidRequest("Both username and password are needed.")
    if not well_formed(username, LONGEST_NAME) or not well_formed(password, LONGEST_PASSWORD):
        raise InvalidRequest("The username or the password is too long or not text.")
    if not username.strip() or not password:
        raise InvalidGrant("The username or the password is wrong.")
    return username, password


def _hashing_works() -> Finding:
    word = "self-test"
    try:
        works = check_password(word, make_password(word))
    except ProtocolError:
        works = False
    return verdict(
        works,
        _("Passwords can be hashed."),
        _("A password could not be hashed."),
        _("Raise VESTIBULE_HASHES_AT_ONCE, or lower VESTIBULE_ARGON2_MEMORY_KIB."),
    )


def _an_administrator_can_enter(slug: str) -> Finding:
    administrators = User.objects.filter(
        is_superuser=True,
        is_staff=True,
        status=User.Status.ACTIVE,
        identities__source__slug=slug,
    ).exclude(password__startswith=UNUSABLE_PASSWORD_PREFIX)
    return verdict(
        administrators.exists(),
        _("An administrator can sign in with a password."),
        _("No administrator can sign in with a password when other sources are down."),
        _("Make one with: manage.py createsuperuser"),
    )
