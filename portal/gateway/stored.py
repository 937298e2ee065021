"""What the gateway adds to what is stored of a person (accounts/session/dossier.py)."""

from collections.abc import Iterator

from accounts.models import User
from accounts.session.dossier import APPLICATION, Held
from portal.gateway import app_passwords
from portal.gateway.held import HostSession


def of_person(person: User) -> Iterator[Held]:
    """Yield what each app password opens, and at which hosts a session of the person's is known."""
    yield from app_passwords.held_of(person)
    rows = HostSession.objects.filter(session__user=person).select_related("session")
    for row in rows.order_by("host", "-created_at"):
        until = row.session.expire_date
        yield Held(APPLICATION, {"application": row.host}, "", row.created_at, until)
