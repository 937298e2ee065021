"""What a source says of a person, which is copied at each sign-in: name, address, groups."""

from django.contrib.auth.models import Group

from accounts import ended
from accounts.models import Identity, Source, User
from accounts.provider import Authentication

_MOST_REMEMBERED = 50


def follow(user: User, source: Source, outcome: Authentication) -> None:
    """Copy name and mail from the source; an empty value changes nothing, and an address that is
    not verified takes the place of no verified one.

    An administrator keeps their address, to which links to a password go, unless the source signs
    in administrators.
    """
    known: list[tuple[str, str | bool]] = [("name", outcome.name[:300])]
    follows = source.staff or not (user.is_staff or user.is_superuser)
    better = outcome.email_verified or not (user.email and user.email_verified)
    if outcome.email and follows and better:
        known += [("email", outcome.email[:254]), ("email_verified", outcome.email_verified)]
    seen = ["seen_at"] if user.is_seen() else []
    changed = []
    for field, value in known:
        if value != "" and getattr(user, field) != value:
            setattr(user, field, value)
            changed.append(field)
    if changed or seen:
        user.save(update_fields=[*changed, *seen])
    if changed:
        ended.announce(ended.PERSON, [str(user.pk)])


def follow_groups(user: User, source: Source, outcome: Authentication) -> None:
    """Set the mapped groups of `user` to those that the source claims; None changes nothing.

    Groups outside the mapping are kept. A mapped group that does not exist is created without
    permissions. The claim is kept for administrators.
    """
    if outcome.groups is None:
        return
    identity = Identity.objects.filter(
        source=source, issuer=outcome.issuer, subject=outcome.subject
    )
    remembered = list(outcome.groups)[:_MOST_REMEMBERED]
    identity.exclude(claimed_groups=remembered).update(claimed_groups=remembered)
    if not source.groups:
        return
    managed = set(source.groups.values())
    wanted = {ours for theirs, ours in source.groups.items() if theirs in outcome.groups}
    held = set(user.groups.filter(name__in=managed).values_list("name", flat=True))
    if wanted - held:
        new = [Group.objects.get_or_create(name=name)[0] for name in sorted(wanted - held)]
        user.groups.add(*new)
    if held - wanted:
        user.groups.remove(*Group.objects.filter(name__in=held - wanted))
    if held != wanted:
        ended.announce(ended.PERSON, [str(user.pk)])
