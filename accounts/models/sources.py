"""Sources, and the identities by which people are known there."""

from typing import Any

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

slug_validator = RegexValidator(
    r"\A[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?\Z",
    _("Use lower-case letters, digits and dashes, at most 50."),
)


class Source(models.Model):
    """A configured provider. `settings` are checked by the provider's own `Settings` when saved.

    A secret among them is a reference (`env:NAME`, `file:PATH`) or sealed by the keyring; see
    `accounts.source.catalogue`.
    """

    LOCAL = "local"

    slug = models.CharField(max_length=50, unique=True, validators=[slug_validator])
    provider = models.CharField(_("provider"), max_length=50)
    label = models.CharField(
        _("label"),
        max_length=100,
        blank=True,
        help_text=_("Empty: the provider's own, translated."),
    )
    order = models.IntegerField(_("order"), default=100)
    enabled = models.BooleanField(_("enabled"), default=True)
    settings = models.JSONField(_("settings"), default=dict, blank=True)
    enroll = models.BooleanField(
        _("enroll"),
        default=True,
        help_text=_("Make an account for people who come the first time."),
    )
    require_assignment = models.BooleanField(
        _("require assignment"),
        default=False,
        help_text=_("New people wait until an administrator gives them groups."),
    )
    end_with_token = models.BooleanField(
        _("end with token"),
        default=False,
        help_text=_("The session ends when the upstream's token or session does."),
    )
    allow_upstream_token = models.BooleanField(
        _("hand on the upstream's token"),
        default=False,
        help_text=_("Front ends may fetch the upstream's access token for the person."),
    )
    allow_erasure = models.BooleanField(
        _("may delete their account"),
        default=False,
        help_text=_("People who come this way may delete their account here themselves."),
    )
    staff = models.BooleanField(
        _("signs in administrators"),
        default=False,
        help_text=_("Without it, people who come this way have no administrator's rights."),
    )
    verifies_mail = models.BooleanField(
        _("is sure of addresses"),
        default=True,
        db_default=True,
        help_text=_("An address that it calls verified counts as verified here as well."),
    )
    after_login = models.CharField(
        _("after login"), max_length=500, blank=True, help_text=_("A local path. Empty: /account/.")
    )
    groups = models.JSONField(
        _("groups"),
        default=dict,
        blank=True,
        help_text=_(
            "Which of the source's groups mean which of ours: an object, theirs to ours. Only the "
            "groups named here follow the source at each sign-in."
        ),
    )
    # A `data:` URL of what `accounts.source.logos` has let in; empty, the provider's own sign.
    logo = models.TextField(_("logo"), blank=True, editable=False)
    note = models.CharField(
        _("operator's note"),
        max_length=300,
        blank=True,
        help_text=_("Shown beside the source while it is in trouble."),
    )
    texts = models.JSONField(
        _("texts by language"),
        default=dict,
        blank=True,
        help_text=_(
            "What people read in other languages: an object, language to label, help and note. "
            "What is missing is as above."
        ),
    )

    class Meta:
        ordering = ["order", "slug"]
        verbose_name = _("source")
        verbose_name_plural = _("sources")

    def __str__(self) -> str:
        return self.slug

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keep the mark of the `local` source, by which an administrator can always enter."""
        self.staff = self.staff or self.slug == self.LOCAL
        super().save(*args, **kwargs)


class Identity(models.Model):
    """(source, issuer, subject) -> User. Never an e-mail address, never a username.

    An identity of before issuers counted has none, and takes its source's at the next sign-in.
    `claimed_groups` are the groups that the source named last: a suggestion for administrators.
    `name_key` is the digest of the name that was typed last into the form of the source, empty
    where the username is typed (`accounts.login.lockout.name_key`). `heard_at` is when the newest
    access token of the source that was brought for them was issued.
    """

    source = models.ForeignKey(
        Source,
        on_delete=models.PROTECT,
        db_index=False,  # an index below begins with it
        related_name="identities",
    )
    subject = models.CharField(max_length=255)
    issuer = models.CharField(max_length=500, blank=True)
    user = models.ForeignKey("accounts.User", on_delete=models.CASCADE, related_name="identities")
    claimed_groups = models.JSONField(_("claimed groups"), default=list, blank=True)
    name_key = models.CharField(
        max_length=64, blank=True, default="", db_default="", editable=False
    )
    heard_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "issuer", "subject"], name="identity_source_issuer_subject"
            )
        ]
        indexes = [
            models.Index(fields=["source", "id"], name="identity_source_latest"),
            # Of this class PostgreSQL finds the beginnings of subjects by it, too.
            models.Index(
                fields=["subject"], name="identity_subject", opclasses=["varchar_pattern_ops"]
            ),
            models.Index(
                fields=["name_key"], name="identity_name_key", condition=~models.Q(name_key="")
            ),
        ]
        verbose_name = _("identity")
        verbose_name_plural = _("identities")

    def __str__(self) -> str:
        return f"{self.source_id}:{self.subject}"
