"""Clients and what is issued to them, each thing tied to the session that it came of.

All six models of django-oauth-toolkit are swapped, which cannot be done later. What belongs to a
person points to a session by its uid and ends with it by cascade, so that ending a session ends its
tokens in the same transaction (docs/architecture.md 7). The toolkit stores tokens as SHA-256 only.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from oauth2_provider.models import (
    AbstractAccessToken,
    AbstractApplication,
    AbstractDeviceGrant,
    AbstractGrant,
    AbstractIDToken,
    AbstractRefreshToken,
    ApplicationManager,
)

from accounts.keyring import digest
from accounts.models import StoredSession
from portal.authorization_server import apart, registration, resources
from portal.tokens import revoked


def of_session(related_name: str, *, null: bool = False) -> Any:
    """Return the column that ties a row to a session, and ends the row with it."""
    return models.ForeignKey(
        StoredSession,
        to_field="uid",
        on_delete=models.CASCADE,
        null=null,
        editable=False,
        related_name=related_name,
        verbose_name=_("session"),
    )


class _Clients(models.QuerySet["Client"]):
    def delete(self) -> tuple[int, dict[str, int]]:
        """End the child sessions of the clients, and revoke their other access tokens in every
        worker: a cascade tells nobody. Clients that go are sent no logout token.
        """
        with transaction.atomic():
            gone = list(self.values_list("pk", flat=True))
            self.update(backchannel_logout_uri="")
            apart.end_all(gone, "the application was deleted")
            AccessToken.objects.filter(application__in=gone).delete()
            return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]  # as Django's own
    delete.queryset_only = True  # type: ignore[attr-defined]


class Client(AbstractApplication):
    """An application that may be given tokens (RFC 6749, 2)."""

    class Kind(models.TextChoices):
        """What kind of program a client is, which decides what it may ask for."""

        SERVER = "server", _("application on a server")
        BROWSER = "browser", _("application in the browser")
        NATIVE = "native", _("installed application")
        DEVICE = "device", _("device without a browser")

    class Method(models.TextChoices):
        """How a client proves who it is (OIDC Core, 9; RFC 7591, 2)."""

        NONE = "none", _("not at all: public, with PKCE")
        BASIC = "client_secret_basic", _("secret by HTTP Basic")
        POST = "client_secret_post", _("secret in the form")
        PRIVATE_KEY = "private_key_jwt", _("signed by its own key")

    objects = ApplicationManager.from_queryset(_Clients)()

    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.BROWSER)
    auth_method = models.CharField(
        _("authentication"), max_length=30, choices=Method.choices, default=Method.NONE
    )
    allowed_scopes = models.CharField(
        _("scopes"),
        max_length=500,
        default="openid profile email groups offline_access",
        help_text=_("What it may ask for at most, separated by spaces."),
    )
    allowed_resources = models.TextField(
        _("resources"),
        blank=True,
        db_default="",
        default="",
        help_text=_(
            "Other services that its tokens may be for, by URL. Empty: those that people allow."
        ),
    )
    legacy_desktop = models.BooleanField(
        _("legacy desktop"),
        default=False,
        help_text=_(
            "May send its secret by HTTP Basic and in the form at once, and gets a refresh token "
            "without asking for offline_access."
        ),
    )
    introspects = models.BooleanField(
        _("may introspect"),
        default=False,
        help_text=_("May ask about the tokens of other clients, as a protected service does."),
    )
    backchannel_logout_uri = models.CharField(
        _("back-channel logout URI"),
        max_length=500,
        blank=True,
        help_text=_("Is told when a session ends in which this client was used."),
    )
    jwks = models.JSONField(
        _("public keys"), default=dict, blank=True, help_text=_("A JWK Set, for private_key_jwt.")
    )
    jwks_uri = models.CharField(
        _("address of the public keys"),
        max_length=500,
        blank=True,
        help_text=_("Where the client publishes them itself, in the place of the keys."),
    )

    class Meta(AbstractApplication.Meta):
        verbose_name = _("client")
        verbose_name_plural = _("clients")

    def clean(self) -> None:
        """Check what was typed in, all of it. Raises `ValidationError` by field."""
        registration.check(self)

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        """Check each field, the toolkit's own in step with ours."""
        self._keep_in_step()
        super().clean_fields(exclude=exclude)

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keep the toolkit's own columns in step with ours."""
        self._keep_in_step()
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the client as several are deleted."""
        return Client.objects.filter(pk=self.pk).delete()

    def _keep_in_step(self) -> None:
        self.client_type = (
            self.CLIENT_PUBLIC if self.auth_method == self.Method.NONE else self.CLIENT_CONFIDENTIAL
        )
        self.authorization_grant_type = (
            self.GRANT_DEVICE_CODE
            if self.kind == self.Kind.DEVICE
            else self.GRANT_AUTHORIZATION_CODE
        )
        self.hash_client_secret = False  # what is stored is a digest already
        self.jwks = {} if self.jwks is None else self.jwks  # a field that was emptied

    @property
    def is_public(self) -> bool:
        """Whether the client has no means to prove who it is."""
        return str(self.auth_method) == self.Method.NONE

    @property
    def lives_apart(self) -> bool:
        """Whether it stays signed in when its person leaves the browser: it is no web page."""
        return self.kind in {self.Kind.NATIVE, self.Kind.DEVICE}

    def may_use(self, grant_type: str) -> bool:
        """Tell whether `grant_type` is one of this kind of client (RFC 6749, 4; RFC 8628)."""
        code = "authorization_code" if self.kind != self.Kind.DEVICE else ""
        device = self.GRANT_DEVICE_CODE if self.lives_apart else ""
        return bool(grant_type) and grant_type in {code, device, "refresh_token"}

    def scopes_of(self, asked: Iterable[str]) -> list[str]:
        """Return those of the scopes `asked` that this client may have, in their order."""
        allowed = set(self.allowed_scopes.split())
        return [each for each in asked if each in allowed]

    def resources_of(self, granted: Iterable[str]) -> list[str]:
        """Return those of the services that were granted which this client may have still."""
        return resources.left(granted, self.allowed_resources.split())

    def natural_key(self) -> tuple[str]:
        """Return the name by which the toolkit's own tools know a client."""
        return (self.client_id,)


class Grant(AbstractGrant):
    """An authorization code (RFC 6749, 4.1.2). `code` holds its SHA-256.

    A spent one is kept for a while: who comes with it again ends what it gave, which is the child
    session `child_uid`, or the access token of `access_checksum`.
    """

    session = of_session("grants")
    spent_at = models.DateTimeField(null=True, editable=False)
    child_uid = models.CharField(max_length=32, blank=True, editable=False)
    access_checksum = models.CharField(max_length=64, blank=True, editable=False)

    class Meta(AbstractGrant.Meta):
        indexes = [models.Index(fields=["expires"], name="grant_expires")]
        verbose_name = _("authorization code")
        verbose_name_plural = _("authorization codes")


class AccessToken(AbstractAccessToken):
    """An access token. Only one of a client without a person has no session."""

    session = of_session("access_tokens", null=True)

    objects = revoked.TokenQuerySet.as_manager()

    class Meta(AbstractAccessToken.Meta):
        indexes = [models.Index(fields=["expires"], name="access_token_expires")]
        verbose_name = _("access token")
        verbose_name_plural = _("access tokens")

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Revoke the token, in every worker."""
        with transaction.atomic():
            revoked.tell(self)
            return super().delete(*args, **kwargs)

    def expire(self) -> None:
        """Revoke the token alone, in every worker. Its refresh token stays good: the toolkit takes
        one whose access token is gone for an orphan.
        """
        now = timezone.now()
        with transaction.atomic():
            revoked.tell(self)
            type(self).objects.filter(pk=self.pk, expires__gt=now).update(expires=now)


class RefreshToken(AbstractRefreshToken):
    """A refresh token. `family_began_at` is when its first forerunner was issued, `scope` what that
    was issued for: an access token may be for less (RFC 6749, 6). `began_by` is the grant by which
    it was; nothing for one of a former release. `acr_values` are the words for a kind of sign-in
    that the code was asked for with: each id_token that follows answers them (OIDC Core, 12.2).
    """

    session = of_session("refresh_tokens")
    scope = models.TextField(_("scopes"), blank=True)
    family_began_at = models.DateTimeField(_("first issued"), default=timezone.now)
    began_by = models.CharField(
        max_length=60, blank=True, default="", db_default="", editable=False
    )
    acr_values = models.JSONField(null=True, blank=True, editable=False)

    def revoke(self) -> None:
        """Spend the token. Its access token stays, for calls under way and other resources (RFC
        8707, 2.2), and is found by it when the family is revoked.
        """
        now = timezone.now()
        type(self).objects.filter(pk=self.pk, revoked=None).update(revoked=now, updated=now)

    class Meta(AbstractRefreshToken.Meta):
        indexes = [
            models.Index(fields=["token_family"]),  # the toolkit's own
            models.Index(fields=["revoked"], name="refresh_token_revoked"),
        ]
        verbose_name = _("refresh token")
        verbose_name_plural = _("refresh tokens")


class IDToken(AbstractIDToken):
    """An id_token (OpenID Connect Core 1.0, 2)."""

    class Meta(AbstractIDToken.Meta):
        indexes = [models.Index(fields=["expires"], name="id_token_expires")]
        verbose_name = _("id_token")
        verbose_name_plural = _("id_tokens")


class DeviceGrant(AbstractDeviceGrant):
    """A device that waits for its person (RFC 8628). It has a session once it is approved.

    `device_code` holds the SHA-256 of the code. The state moves by conditional UPDATEs only.
    """

    PENDING, APPROVED, REFUSED = "pending", "approved", "denied"

    session = of_session("device_grants", null=True)
    application = models.ForeignKey(
        Client, on_delete=models.CASCADE, related_name="device_grants", verbose_name=_("client")
    )
    user_code = models.CharField(_("user code"), max_length=8, unique=True)
    status = models.CharField(_("status"), max_length=64, default=PENDING)
    resource = models.JSONField(default=list, blank=True, editable=False)
    address = models.GenericIPAddressField(_("address"), null=True)
    user_agent = models.CharField(_("user agent"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta(AbstractDeviceGrant.Meta):
        verbose_name = _("device code")
        verbose_name_plural = _("device codes")
        indexes = [models.Index(fields=["expires"])]

    def __str__(self) -> str:
        return f"{timezone.localtime(self.created_at):%Y-%m-%d %H:%M}"


class PushedRequest(models.Model):
    """An authorization request that came ahead of its browser (RFC 9126), or where a logout leads
    back to. `digest` is the SHA-256 of its key.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="pushed_requests")
    sealed = models.TextField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.digest[:8]


class Spent(models.Model):
    """What counts once and has counted: a client's assertion (RFC 7523, 3), an answer to the page
    that asks. `digest` is the SHA-256 of its name.
    """

    digest = models.CharField(max_length=64, primary_key=True)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "authorization_server_spentassertion"  # as the release before calls it

    @classmethod
    def spend(cls, name: str, until: datetime) -> bool:
        """Keep until `until` that `name` has counted. Returns False when it had before: of many
        callers at once one gets True.
        """
        try:
            with transaction.atomic():
                cls.objects.create(digest=digest(name), expires_at=until)
        except IntegrityError:
            return False
        return True


class Consent(models.Model):
    """What a person has allowed an application, remembered until they withdraw it. `scopes_at` are
    the scopes that were allowed for each service: `scope` holds those of all services, and more.
    """

    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="consents")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="consents")
    scope = models.TextField(blank=True)
    resource = models.TextField(blank=True, db_default="", default="")
    scopes_at = models.JSONField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "client"], name="consent_once")]
        verbose_name = _("consent")
        verbose_name_plural = _("consents")

    def __str__(self) -> str:
        return f"{self.user_id}:{self.client_id}"


class ToldSession(models.Model):
    """A session that a client was told of, by `sid`: it is told as well when the session ends. Who
    has signed in again is known by the former name and by the new one.
    """

    session = of_session("told_to")
    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="told_sessions")
    sid = models.CharField(max_length=32)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["session", "client", "sid"], name="told_sid_once")
        ]

    def __str__(self) -> str:
        return f"for {self.session_id}"


class SigningKey(models.Model):
    """A key that signs id_tokens, sealed. `current` is its algorithm while it is the one in use,
    and null afterwards, when it only verifies.
    """

    kid = models.CharField(max_length=32, primary_key=True)
    algorithm = models.CharField(max_length=10)
    current = models.CharField(max_length=10, unique=True, null=True)
    sealed = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("signing key")
        verbose_name_plural = _("signing keys")
