"""What second factors add to what is stored of a person, and what a merge hands over."""

from collections.abc import Iterator

from accounts.factors import codes, duty, keeping
from accounts.models import FactorDuty, TotpKey, User
from accounts.session.dossier import PERSON, SEALED, SIGN_IN, Held, erased_at


def of_person(person: User) -> Iterator[Held]:
    """Yield the authenticator, the recovery codes that are left, and the person's own duty."""
    until = erased_at(person)
    for row in TotpKey.objects.filter(user=person):
        values = {"authenticator": SEALED, "recovery_codes": codes.left(person)}
        yield Held(SIGN_IN, values, "", row.created_at, until)
    for each in FactorDuty.objects.filter(user=person):
        due = {"second_factor_due": each.due_at.isoformat(timespec="seconds")}
        yield Held(PERSON, due, "", each.since, until)


def hand_over(stays: User, goes: User) -> None:
    """Give `stays` what `goes` has beside a password, and must have."""
    keeping.hand_over(stays, goes)
    duty.hand_over(stays, goes)
