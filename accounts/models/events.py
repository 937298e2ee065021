"""The audit trail, and the logouts and mails that have not reached their server yet."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Event(models.Model):
    """One line of the audit trail. Events of one login, logout or act share a support code.

    `steps` are what led to it (`accounts.trail.steps`). `count` is how often it has happened, the
    last time at `last_at`: what strangers repeat is counted, not written again. `actor` is what
    kind of party did it, `by` the administrator or person, where one did.
    """

    class Actor(models.TextChoices):
        """Who does what is recorded."""

        PERSON = "person", _("the person")
        ADMINISTRATOR = "administrator", _("an administrator")
        SOURCE = "source", _("the source")
        APPLICATION = "application", _("an application")
        SITE = "site", _("this site")

    at = models.DateTimeField(_("at"), default=timezone.now, db_index=True)
    name = models.CharField(_("event"), max_length=40)
    support_code = models.CharField(_("support code"), max_length=12, blank=True, db_index=True)
    reason = models.CharField(_("reason"), max_length=30, blank=True)
    source = models.CharField(_("source"), max_length=50, blank=True)
    session_type = models.CharField(_("type"), max_length=30, blank=True)
    user = models.ForeignKey(
        "accounts.User",
        on_delete=models.SET_NULL,
        null=True,
        db_index=False,  # an index below begins with it
        related_name="events",
        verbose_name=_("person"),
    )
    session_uid = models.CharField(_("session"), max_length=32, blank=True, db_index=True)
    address = models.GenericIPAddressField(_("address"), null=True)
    detail = models.CharField(_("detail"), max_length=300, blank=True)
    actor = models.CharField(_("by"), max_length=13, blank=True, choices=Actor.choices)
    by = models.ForeignKey(
        "accounts.User",
        on_delete=models.SET_NULL,
        null=True,
        db_index=False,
        related_name="acts",
        verbose_name=_("operator"),
    )
    steps = models.JSONField(_("steps"), default=list, blank=True)
    count = models.PositiveIntegerField(_("times"), default=1)
    last_at = models.DateTimeField(_("last"), default=timezone.now)

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [
            # What is repeated is looked up by strangers' failures alone: sign-ins pay nothing.
            models.Index(
                fields=["address", "name", "-last_at"],
                name="event_of_strangers",
                condition=models.Q(user=None),
            ),
            # What the list is searched and filtered by, in its order (docs/scale.md 2).
            models.Index(fields=["user", "at"], name="event_user_at"),
            models.Index(fields=["by", "at"], name="event_by_at"),
            models.Index(fields=["name", "at"], name="event_name_at"),
            models.Index(fields=["source", "at"], name="event_source_at"),
            models.Index(fields=["address", "at"], name="event_address_at"),
            models.Index(
                fields=["reason", "at"], name="event_reason_at", condition=~models.Q(reason="")
            ),
            models.Index(
                fields=["actor", "at"], name="event_actor_at", condition=~models.Q(actor="person")
            ),
        ]
        verbose_name = _("event")
        verbose_name_plural = _("events")

    def __str__(self) -> str:
        return f"{timezone.localtime(self.at):%Y-%m-%d %H:%M:%S} {self.name}"


class OutboxItem(models.Model):
    """One remote logout, mail or notice to an application: the source or client that it is for, and
    what it needs, sealed. `issuer` is the provider that gave it, empty if nobody knows: the source
    may be another one's by the time that it is delivered. `sid`, or without one `subject`, is which
    session a logout is to end there: it may be in use again by then.

    Lives 24 h at most (`give_up_at`). Claimed by a conditional UPDATE of `next_at`, so that two
    workers never deliver the same item at once.
    """

    class Kind(models.TextChoices):
        """What is delivered."""

        LOGOUT = "logout", _("logout")
        MAIL = "mail", _("mail")
        NOTICE = "notice", _("notice to an application")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.LOGOUT)
    source = models.CharField(_("source"), max_length=50)
    issuer = models.CharField(max_length=500, blank=True, db_default="")
    sid = models.CharField(max_length=255, blank=True, db_default="")
    subject = models.CharField(max_length=255, blank=True, db_default="")
    sealed = models.TextField(editable=False)
    support_code = models.CharField(_("support code"), max_length=12, blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=1)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    next_at = models.DateTimeField(_("next attempt"), db_index=True)
    give_up_at = models.DateTimeField(_("given up at"))

    class Meta:
        verbose_name = _("pending delivery")
        verbose_name_plural = _("pending deliveries")

    def __str__(self) -> str:
        return f"{self.source} {timezone.localtime(self.created_at):%Y-%m-%d %H:%M}"
