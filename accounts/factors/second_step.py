"""The second step of a sign-in by a form: whether it is needed, and what it makes of the outcome.

`substantial` and `high` are our words for what a second factor gives.
"""

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum

from accounts.factors import duty, totp
from accounts.models import User
from accounts.offers import offered
from accounts.provider import Authentication
from accounts.source import catalogue
from accounts.strength.levels import Strength

LOW, SUBSTANTIAL = Strength.LOW.word, Strength.SUBSTANTIAL.word
STRONG = frozenset(each.word for each in Strength if each > Strength.LOW)
# RFC 8176, 2: a one-time password, and several factors.
_MEANS = ("otp", "mfa")


class Step(Enum):
    """What a person does after the password. `REMIND` may be put off, `SET_UP` may not."""

    NONE = "none"
    CODE = "code"
    REMIND = "remind"
    SET_UP = "set-up"


def step(outcome: Authentication, user: User, wanted: str = "") -> Step:
    """Return what the person does next, who is known by `outcome` so far: since they have a second
    factor, since they must have one, or since `wanted` asks for it (`acr_values`, OIDC Core,
    3.1.2.1).
    """
    if outcome.acr in STRONG:
        return Step.NONE
    if totp.exists(user):
        return Step.CODE
    words = set(wanted.split())
    wished = bool(STRONG & words) and LOW not in words  # of several, each will do
    moment = duty.due_at(user)
    if not wished and moment is None:
        return Step.NONE
    must = moment is not None and not duty.remaining(moment)
    if ways(user):  # a key of theirs is the second factor: a password alone adds no other
        return Step.CODE if wished or must else Step.NONE
    return Step.SET_UP if wished or must else Step.REMIND


def ways(user: User) -> list[Mapping[str, str]]:
    """Return the other factors of a person, each with `label` and `url` of the page that asks for
    it, empty for the choice of ways, by rooms whose AppConfig has `second_ways`.
    """
    return [way for of in offered("second_ways") for way in of(user)]


def exists(user: User) -> bool:
    """Tell whether a person has a second factor, whichever: what makes a strong way in takes it."""
    return totp.exists(user) or bool(ways(user))


def is_of_use(user: User) -> bool:
    """Tell whether a person has an authenticator, or comes in by a source whose form takes a
    password here.
    """
    slugs = set(user.identities.values_list("source__slug", flat=True))
    ready = (catalogue.of_session(slug) for slug in slugs)
    return any(each is not None and each.kind == "form" for each in ready) or totp.exists(user)


def stronger(outcome: Authentication) -> Authentication:
    """Return the outcome of a person who has passed the second step as well."""
    amr = tuple(dict.fromkeys((*outcome.amr, *_MEANS)))
    return replace(outcome, acr=SUBSTANTIAL, amr=amr)
