"""Whose an identity is: the person whom a verified outcome names."""

from accounts import errors, statements
from accounts.errors import AccessDenied
from accounts.models import Identity, Source, User
from accounts.provider import Authentication
from accounts.source import catalogue
from accounts.source.catalogue import ConfiguredSource

# What a sign-in judges by, as it is in its own transaction: an upstream may answer after seconds.
_JUDGED = "slug", "staff", "enabled", "enroll", "require_assignment", "verifies_mail", "groups"
_OWNER = statements.Lookup(
    User,
    by=Identity,
    key="user",
    beside=(Source, "source", _JUDGED),
    source=0,
    issuer="issuer",
    subject="subject",
)
_SOURCE = statements.Shared(
    lambda source: Source.objects.order_by().filter(pk=source).values_list(*_JUDGED), source=0
)


def owner(source: Source, outcome: Authentication) -> tuple[User, Source] | None:
    """Return the person to whom exactly this identity belongs, or None, and the source as it is
    now. Both stay as they are, and the identity, until the caller's transaction is over.
    """
    return _OWNER.find(source=source.pk, issuer=outcome.issuer, subject=outcome.subject)


def present(source: Source) -> Source:
    """Return a source as it is now, and stays until the caller's transaction is over. Raises
    `AccessDenied` when it is gone.
    """
    found = _SOURCE.first(source=source.pk)
    if found is None:
        raise AccessDenied("The source is gone.", reason=errors.LOGIN_FAILED)
    return Source(pk=source.pk, **dict(zip(_JUDGED, found, strict=True)))


def known(source: ConfiguredSource, outcome: Authentication) -> tuple[User, Source] | None:
    """Return whom the outcome names, by source, issuer and subject, and the source as it is now;
    None for somebody new.

    An identity without an issuer takes that of its source. While people are known by another issuer
    nobody new comes in: their subjects say nothing about this one's (OIDC Core, 5.7). Raises
    `AccessDenied` then.
    """
    row = source.row
    found = owner(row, outcome)
    if found or not outcome.issuer:
        return found
    issuers = catalogue.issuers_of(row, beyond_none=False)
    if "" in issuers and outcome.issuer == source.description.issuer:
        # The person is locked before the identity, as by everybody else who signs in.
        if found := _OWNER.find(source=row.pk, issuer="", subject=outcome.subject):
            bare = Identity.objects.filter(source=row, issuer="", subject=outcome.subject)
            bare.update(issuer=outcome.issuer)
            return found
        if found := owner(row, outcome):  # another sign-in has done it meanwhile
            return found
        issuers = catalogue.issuers_of(row)
    if issuers - {outcome.issuer}:
        raise AccessDenied(
            "People are known here by another issuer.",
            reason=errors.LOGIN_FAILED,
            tokens=outcome.tokens,
        )
    return None
