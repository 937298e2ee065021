"""What passkeys add to what is stored of a person (accounts/session/dossier.py)."""

from collections.abc import Iterator

from accounts.factors import passkeys
from accounts.models import Source, User
from accounts.session.dossier import SIGN_IN, Held, erased_at


def of_person(person: User) -> Iterator[Held]:
    """Yield each passkey. Its private key never leaves the person's device."""
    until = erased_at(person)
    for each in passkeys.of_person(person.pk):
        values = {
            "passkey": each.label,
            "credential_id": each.credential_id,
            "transports": each.transports,
            "aaguid": each.aaguid,
            "backed_up": each.backed_up,
            "sign_count": each.sign_count,
        }
        if each.used_at:
            values["last_used"] = each.used_at.isoformat(timespec="seconds")
        if each.suspended_at:
            values["blocked_since"] = each.suspended_at.isoformat(timespec="seconds")
        yield Held(SIGN_IN, values, Source.LOCAL, each.created_at, until)
