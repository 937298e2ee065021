"""People."""

from __future__ import annotations

import secrets
import unicodedata
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from accounts.models.sources import Identity, Source

# The last sign-in of a person is kept to the day.
SEEN_EVERY = timedelta(days=1)
# A username of more is a sentence.
_MOST_WORDS = 5
# Alphabets with letters that are drawn as those of another, by the first word of a letter's name.
_DRAWN_ALIKE = frozenset(
    {
        "LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "OLD", "LYCIAN",
        "CARIAN", "LYDIAN", "GOTHIC", "DESERET", "OSAGE", "ELBASAN", "WARANG", "MIAO", "CANADIAN",
        "TIFINAGH",
    }
)  # fmt: skip


def new_uid() -> str:
    """Return a stable public id: 128 random bits as 32 hexadecimal digits."""
    return secrets.token_hex(16)


def username_key(username: str) -> str:
    """Return the form under which a username is unique: NFKC, case folded, without format marks.

    `ADMIN`, `admin ` and a name with a zero-width space all fold to `admin`; `æ` in NFC and in NFD
    fold alike (docs/threats.md, U07).
    """
    folded = unicodedata.normalize("NFKC", username).casefold()
    kept = "".join(c for c in folded if unicodedata.category(c) not in {"Cf", "Cc"})
    return unicodedata.normalize("NFKC", kept).strip()


def refuse_mixed_scripts(username: str) -> None:
    """Refuse a name that mixes alphabets: a Cyrillic letter looks like a Latin one (U07). Refuse
    what is no name as well: mails of the site contain it, and would say what somebody else likes.
    """
    words = len(username.split())
    if not username.isprintable() or "://" in username or words > _MOST_WORDS:
        said = _("Use a name in one line, of five words at most, without the address of a page.")
        raise ValidationError(said, code="no_name")
    scripts = {unicodedata.name(c, "?").split()[0] for c in username if c.isalpha()}
    if len(scripts & _DRAWN_ALIKE) > 1:
        raise ValidationError(_("Use the letters of one alphabet only."), code="mixed_scripts")


def epoch_hash(uid: str, epoch: int, secret: str | bytes | None = None) -> str:
    """Return what a session holds of its person's epoch: once it has risen, the session is over."""
    made = salted_hmac("accounts.User.epoch", f"{uid}.{epoch}", secret=secret, algorithm="sha256")
    return made.hexdigest()


class UserManager(BaseUserManager["User"]):
    """Finds people by the folded username, however they type it."""

    def get_by_natural_key(self, username: str | None) -> User:
        """Return the person with this username. Raises `User.DoesNotExist`."""
        return self.get(username_key=username_key(username or ""))

    def create_user(self, username: str, password: str | None = None, **fields: Any) -> User:
        """Create a person, with an unusable password when none is given."""
        user = self.model(username=unicodedata.normalize("NFC", username), **fields)
        user.set_password(password)
        user.full_clean(exclude=["password", "username_key", "uid"])
        user.save(using=self._db)
        return user

    def create_superuser(self, username: str, password: str | None = None, **fields: Any) -> User:
        """Create an administrator together with the `local` identity to sign in with."""
        fields = {**fields, "is_staff": True, "is_superuser": True}
        user = self.create_user(username, password, **fields)
        user.give_local_identity()
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """A person. What they may do hangs on `status`, not on Django's `is_active`.

    `session_epoch` is mixed into Django's session hash: raising it ends every session of the
    person at its next look at the user, also one that nothing else has found.
    """

    class Status(models.TextChoices):
        """Whether a person is let in."""

        ACTIVE = "active", _("active")
        AWAITING_ACCESS = "awaiting_access", _("awaiting access")
        DISABLED = "disabled", _("disabled")

    uid = models.CharField(max_length=32, unique=True, default=new_uid, editable=False)
    username = models.CharField(
        _("username"), max_length=150, unique=True, validators=[refuse_mixed_scripts]
    )
    username_key = models.CharField(max_length=300, unique=True, editable=False)
    name = models.CharField(_("name"), max_length=300, blank=True)
    email = models.EmailField(_("e-mail"), blank=True)
    # False for an address that a source named without saying that it is verified.
    email_verified = models.BooleanField(_("e-mail verified"), default=True)
    # Whether staff without all rights have had a hand in how the person comes in: they typed the
    # address, to which a link went, or merged somebody into the account. Or others may have used
    # the account, and nobody with all rights has vouched for the address since.
    tended = models.BooleanField(default=False, db_default=False, editable=False)
    status = models.CharField(
        _("status"), max_length=16, choices=Status.choices, default=Status.ACTIVE
    )
    is_staff = models.BooleanField(_("administrator"), default=False)
    session_epoch = models.PositiveIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    # The last sign-in, to the day: who stays away for long may be erased.
    seen_at = models.DateTimeField(_("last sign-in"), default=timezone.now, db_index=True)
    last_login = None
    is_confined = False

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "username"

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        indexes = [
            models.Index(fields=["email"]),
            models.Index(fields=["status", "username_key"], name="person_status"),
            models.Index(
                fields=["username_key"], name="person_staff", condition=models.Q(is_staff=True)
            ),
            models.Index(
                fields=["username_key"], name="person_of_all", condition=models.Q(is_superuser=True)
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.username

    def __repr__(self) -> str:
        return f"<User {self.uid}>"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keep the folded username in step with the one that people see."""
        self.username_key = username_key(self.username)
        if self.is_confined:
            named = kwargs.get("update_fields") or [f.name for f in self._meta.concrete_fields]
            own = {"id", "is_staff", "is_superuser"}
            kwargs["update_fields"] = [name for name in named if name not in own]
        super().save(*args, **kwargs)

    @property
    def is_active(self) -> bool:  # type: ignore[override]
        """Django's word for it: everybody whose status is active."""
        return self.status == self.Status.ACTIVE

    get_full_name = __str__  # the name that people are greeted with, and Django's word for it

    def opens_administration(self) -> bool:
        """Tell whether the person has a mark that opens the administration."""
        return self.is_staff or self.is_superuser

    def is_seen(self) -> bool:
        """Note a sign-in; most of a day's write nothing. Returns whether there is one to save."""
        now = timezone.now()
        if now - self.seen_at < SEEN_EVERY:
            return False
        self.seen_at = now
        return True

    def give_local_identity(self) -> None:
        """Create the `local` identity of the person unless it exists."""
        source = Source.objects.get(slug=Source.LOCAL)
        known = {"source": source, "issuer": "", "subject": self.uid}
        Identity.objects.get_or_create(**known, defaults={"user": self})

    def confined(self) -> User:
        """Return the person without an administrator's rights, for a session by a source that signs
        in none. `save` keeps the rights as they are stored.
        """
        self.is_confined, self.is_staff, self.is_superuser = True, False, False
        return self

    def _get_session_auth_hash(self, secret: str | bytes | None = None) -> str:
        """Hash the epoch, not the password: a rehash at sign-in must not end other sessions."""
        return epoch_hash(self.uid, self.session_epoch, secret)
