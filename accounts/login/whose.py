"""Whose an identity is: the person whom a verified outcome names."""

from accounts import errors, statements
from accounts.errors import AccessDenied
from accounts.models import Identity, Source, User
from accounts.provider import Authentication
from accounts.source import catalogue
from accounts.source.catalogue import ConfiguredSource

_OWNER = statements.Lookup(
    User, by=Identity, key="user", source=0, issuer="issuer", subject="subject"
)


def owner(source: Source, outcome: Authentication) -> User | None:
    """Return the person to whom exactly this identity belongs, or None. Person and identity stay
    locked until the caller's transaction is over.
    """
    return _OWNER.find(source=source.pk, issuer=outcome.issuer, subject=outcome.subject)


def known(source: ConfiguredSource, outcome: Authentication) -> User | None:
    """Return whom the outcome names, by source, issuer and subject; None for somebody new.

    An identity without an issuer takes that of its source. While people are known by another issuer
    nobody new comes in: their subjects say nothing about this one's (OIDC Core, 5.7). Raises
    `AccessDenied` then.
    """
    row = source.row
    person = owner(row, outcome)
    if person or not outcome.issuer:
        return person
    issuers = catalogue.issuers_of(row, beyond_none=False)
    if "" in issuers and outcome.issuer == source.description.issuer:
        # The person is locked before the identity, as by everybody else who signs in.
        if person := _OWNER.find(source=row.pk, issuer="", subject=outcome.subject):
            bare = Identity.objects.filter(source=row, issuer="", subject=outcome.subject)
            bare.update(issuer=outcome.issuer)
            return person
        if person := owner(row, outcome):  # another sign-in has done it meanwhile
            return person
        issuers = catalogue.issuers_of(row)
    if issuers - {outcome.issuer}:
        raise AccessDenied(
            "People are known here by another issuer.",
            reason=errors.LOGIN_FAILED,
            tokens=outcome.tokens,
        )
    return None
