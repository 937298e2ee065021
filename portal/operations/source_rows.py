"""What the commands and the admin have in common when they write or test a source's row."""

from collections.abc import Mapping
from typing import Any

import structlog
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts import ended, events
from accounts.errors import ProtocolError
from accounts.http import in_words
from accounts.models import Identity, Source
from accounts.provider import Finding, Prompts, Provider
from accounts.source import catalogue, references, registry, trusted
from portal.door.destinations import safe_destination

log = structlog.get_logger("vestibule.sources")


def with_stored_secrets(
    provider: str, given: Mapping[str, Any], stored: Mapping[str, Any]
) -> dict[str, Any]:
    """Return `given` with the stored secrets that it leaves out, or repeats.

    A secret that is given in plain and equals the stored one keeps its sealed text, so that saving
    the same thing twice changes nothing. To take a secret away, give an empty one. Raises
    `ValidationError` when an address has changed and a secret is left out: it was meant for the
    other address.
    """
    merged = dict(given)
    moved = _moved(provider, given, stored)
    for name in registry.secret_names(provider):
        sealed = stored.get(name)
        if not catalogue.is_sealed(sealed):
            continue
        if moved and name not in merged:
            message = _("An address has changed: give %s once more, or an empty one.") % name
            raise ValidationError({"settings": message})
        if name not in merged or merged[name] == _plain(provider, name, stored):
            merged[name] = sealed
    return merged


def refuse_references(
    provider: str, given: Mapping[str, Any], stored: Mapping[str, Any], *, all_rights: bool
) -> None:
    """Raise `ValidationError` for a new reference that an administrator may not write in a browser.

    Without `all_rights` no new one may be written: a source sends its secret to its address. What
    is stored may stay while no address changes.
    """
    moved = _moved(provider, given, stored)
    for name in registry.secret_names(provider):
        value: Any = given.get(name)
        if not references.is_reference(value):
            continue
        if not all_rights and (moved or value != stored.get(name)):
            said = _("%s: give the secret itself. Only somebody with all rights names its place.")
            raise ValidationError({"settings": said % name})
        if value != stored.get(name):
            references.refuse_in_administration(name, value)


def refuse_reach(
    row: Source, given: Mapping[str, Any], stored: Mapping[str, Any], *, all_rights: bool
) -> None:
    """Raise `ValidationError` for a setting by which more is reached than an editor may give away.

    Without `all_rights` nobody calls into the operator's own net, and nobody changes a trusted
    setting where people's cookies, tokens or passwords go there, where it says what people are
    called, or where people are known already: whoever answers at the address could be any of them.
    """
    kind = registry.providers().get(row.provider)
    if all_rights or kind is None:  # no provider: said by another check, and nothing is saved
        return
    sealed = {name: value for name, value in stored.items() if catalogue.is_sealed(value)}
    whole = {**sealed, **given}  # a stored secret that is left out stays
    names = trusted.changed(kind, whole, stored)
    if given.get("inside", False) and (names or not stored.get("inside", False)):
        said = _("inside: only somebody with all rights allows calls into your own net.")
        raise ValidationError({"settings": said})
    before, after = _taken(row, stored), _taken(row, whole)
    if not names and after <= before:
        return
    naming = trusted.naming(kind, whole)
    names = [*(each for each in names if each in naming), *names, *sorted(after - before)]
    if said := _why_kept(row, kind, takes=bool(before or after), names=bool(naming)):
        raise ValidationError({"settings": said % names[0]})


def still_verifies(row: Source, stored: Source | None) -> bool:
    """Tell whether addresses of a source still count as verified after an editor without all rights
    has changed it: not of a new one, nor where somebody else may answer now.
    """
    if stored is None or not stored.verifies_mail:
        return False
    kind = registry.providers().get(row.provider)
    return kind is not None and not trusted.changed(kind, row.settings, stored.settings)


def _why_kept(row: Source, kind: type[Provider], *, takes: bool, names: bool) -> str:
    """Return why an editor may not change a trusted setting of a source, or nothing."""
    if takes:
        return _("%s: it says where people's cookies or tokens go. Ask somebody with all rights.")
    if issubclass(kind, Prompts):
        return _("%s: it says where passwords go, or whose they are. Ask somebody with all rights.")
    known = names or Identity.objects.filter(source__slug=row.slug).exists()
    return _("%s: it says by what people are known. Ask somebody with all rights.") if known else ""


def _taken(row: Source, settings: Mapping[str, Any]) -> set[str]:
    """Return what people bring that a source with these settings is given: cookies, by their names,
    and access tokens. Nothing when the settings are not right.
    """
    changed = Source(slug=row.slug, provider=row.provider, settings=dict(settings))
    try:
        told = catalogue.instance(changed).describe()
    except ValidationError:
        return set()  # said by another check, and nothing is saved
    return {*told.cookies, *filter(None, [told.bearer])}


def _moved(provider: str, given: Mapping[str, Any], stored: Mapping[str, Any]) -> bool:
    """Tell whether an address among the settings has changed."""
    kind = registry.providers().get(provider)
    return trusted.addresses(kind, given) != trusted.addresses(kind, stored)


def refuse_sealed(settings: Mapping[str, Any]) -> None:
    """Raise `ValidationError` for sealed text from outside: only the keyring writes it."""
    for name, value in settings.items():
        if catalogue.is_sealed(value):
            message = _("%s: give the secret itself, or a reference env:NAME or file:PATH.") % name
            raise ValidationError({"settings": message})


def refuse_destination(after_login: str) -> None:
    """Raise `ValidationError` unless `after_login` is empty or somewhere people may be sent."""
    if after_login and safe_destination(after_login) != after_login:
        raise ValidationError({"after_login": _("Nobody may be sent there.")})


def disable(rows: QuerySet[Source], actor: str = "") -> list[str]:
    """Disable the sources of `rows`, also those whose settings are broken. Returns their slugs.

    Each that was enabled is an event; its `actor` is who acts unless another is given.
    """
    with transaction.atomic():
        slugs = sorted(rows.values_list("slug", flat=True))
        known = Source.objects.filter(enabled=True)
        gone = [each for each in slugs if known.filter(slug=each).update(enabled=False)]
        ended.announce("source", slugs)
        events.record(
            *(
                events.event("source.changed", source=each, detail="enabled", actor=actor)
                for each in gone
            )
        )
    return slugs


def findings(row: Source) -> list[Finding]:
    """Test `row` live and return what was found. What goes wrong is a finding too; never raises."""
    try:
        found = [*_issuer_findings(row), *_reference_findings(row), *_role_findings(row)]
        return [*found, *catalogue.instance(row).check()]
    except ValidationError as error:
        fix = _("Correct the settings of the source.")
        return [Finding(ok=False, message=" ".join(error.messages), fix=fix)]
    except ProtocolError as error:
        fix = _("Look whether the upstream can be reached from this machine.")
        return [Finding(ok=False, message=in_words(error), fix=fix)]
    except Exception:  # a provider's defect must not hide the other sources
        log.exception("source.check_failed", source=row.slug)
        message, fix = _("The self-test itself failed."), _("The log says why.")
        return [Finding(ok=False, message=message, fix=fix)]


def _issuer_findings(row: Source) -> list[Finding]:
    """Say which people are known by another issuer than the source's present one."""
    others = catalogue.issuers_of(row) - {catalogue.instance(row).describe().issuer}
    fix = _("If it is the same provider: manage.py sources migrate %(slug)s --from %(issuer)s")
    said = _("People are known here by another issuer, %s, and nobody new comes in.")
    return [
        Finding(False, said % issuer, fix % {"slug": row.slug, "issuer": issuer})
        for issuer in sorted(others)
    ]


def _reference_findings(row: Source) -> list[Finding]:
    """Say which references were stored that could not be written in the administration today."""
    secrets = registry.secret_names(row.provider)
    unread = _("%s looks like a reference, and is taken as it stands: only secrets are read.")
    fix = _("Write the value itself.")
    outside = _("%s lies where only the terminal may point.")
    return [
        Finding(True, outside % name) if name in secrets else Finding(False, unread % name, fix)
        for name, value in references.named(row.settings).items()
        if name not in secrets or not references.is_open_to_administration(value)
    ]


def _role_findings(row: Source) -> list[Finding]:
    """Say which roles a mapping gives that could not be saved today."""
    fix = _("Take it out of the groups, and tick the role on the page of each person.")
    named = catalogue.mapped_roles(row.groups)
    return [Finding(False, _("No source gives a role: %s") % name, fix) for name in named]


def _plain(provider: str, name: str, stored: Mapping[str, Any]) -> Any:
    """Return the stored secret in plain; None when the stored settings cannot be read."""
    try:
        return getattr(catalogue.typed_settings(registry.providers()[provider], stored), name)
    except ValidationError:
        return None
