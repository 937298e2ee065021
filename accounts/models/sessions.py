"""Sessions at rest, the upstream's tokens that belong to them, and the feed of what ended."""

from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.users import new_uid


class StoredSession(AbstractBaseSession):
    """One session. The key is the SHA-256 of the cookie's value, so a dump opens nothing.

    `uid` is stable and is what everything else points to; the key changes. `session_data` is
    sealed with the key as associated data (accounts/session/store.py). `parent_uid` is the
    browser's session under which a child session began, or the first of those that tabs of one
    browser made together (accounts/session/tabs.py). `label` is what a child session is called:
    its application's name. `shared` says the same as in the typed session.
    """

    class Kind(models.TextChoices):
        """Whose session this is: a browser's, or a device's under the person's session."""

        BROWSER = "browser", _("browser")
        CLIENT = "client", _("device or application")

    # PostgreSQL refuses 64 characters in the 40 that Django's own model gives it.
    session_key = models.CharField(max_length=64, primary_key=True)
    uid = models.CharField(max_length=32, unique=True, default=new_uid)
    kind = models.CharField(_("kind"), max_length=8, choices=Kind.choices, default=Kind.BROWSER)
    parent_uid = models.CharField(max_length=32, blank=True, db_index=True)
    label = models.CharField(_("application"), max_length=255, blank=True)
    user = models.ForeignKey(
        "accounts.User",
        on_delete=models.CASCADE,
        null=True,
        db_index=False,  # an index below begins with it
        related_name="sessions",
    )
    type = models.CharField(_("type"), max_length=30, default="anonymous")
    source = models.CharField(_("source"), max_length=50, blank=True)
    issuer = models.CharField(max_length=500, blank=True)
    sid = models.CharField(max_length=255, blank=True)
    subject = models.CharField(max_length=255, blank=True)
    state_digest = models.CharField(max_length=64, unique=True, null=True, editable=False)
    address = models.GenericIPAddressField(_("address"), null=True)
    user_agent = models.CharField(_("user agent"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    last_seen_at = models.DateTimeField(_("last seen"), default=timezone.now)
    ends_at = models.DateTimeField(_("ends at the latest"), default=timezone.now)
    shared = models.BooleanField(_("shared computer"), default=False, db_default=False)

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        indexes = [
            models.Index(fields=["issuer", "sid"]),
            models.Index(fields=["issuer", "subject"]),
            models.Index(fields=["user", "-last_seen_at"]),
            # The administration's list, as it is and filtered; PostgreSQL has another one, by
            # source (docs/scale.md 3).
            models.Index(fields=["-last_seen_at"], name="session_seen"),
            models.Index(
                fields=["-last_seen_at"],
                name="session_apart_seen",
                condition=models.Q(kind="client"),
            ),
        ]

    def __str__(self) -> str:
        return self.uid


class StoredTokens(models.Model):
    """The upstream's TokenSet of one session, sealed by the keyring (accounts/session/vault.py).

    `version` counts the refreshes; `leased_until` is set while somebody is at one, `retry_at` after
    one that failed.
    """

    session = models.OneToOneField(
        StoredSession, to_field="uid", on_delete=models.CASCADE, primary_key=True
    )
    sealed = models.TextField()
    expires_at = models.DateTimeField(null=True)
    version = models.PositiveIntegerField(default=0)
    leased_until = models.DateTimeField(null=True)
    retry_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"for {self.session_id}"


class SpentLogoutToken(models.Model):
    """A logout token of a source that has ended something once, and whom it named, as digests
    (accounts/session/afar.py). `issued_at` is its own `iat`.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    sid_digest = models.CharField(max_length=64, blank=True, db_index=True)
    subject_digest = models.CharField(max_length=64, blank=True, db_index=True)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)


class Farewell(models.Model):
    """Why a browser's session ended, for its person's next click (accounts/session/farewell.py).
    `key` is the one that the session had.
    """

    key = models.CharField(max_length=64, primary_key=True)
    why = models.CharField(max_length=16)
    expires_at = models.DateTimeField(db_index=True)


class EndedEntry(models.Model):
    """One line of the feed that every worker reads: what stopped being true, and when.

    `kind` is `session` (a uid), `key` (a session key replaced by another), `source` (a slug),
    `rule`, `person` (a primary key), or one that a room has for itself (`token`, `signing`).
    """

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=10)
    value = models.CharField(max_length=64)
    at = models.DateTimeField(default=timezone.now, db_index=True)
