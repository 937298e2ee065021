"""Who a posted form, or a cookie that an upstream shares with us, proves to be."""

import time
from collections.abc import Mapping
from dataclasses import replace

import structlog
from django.db import DatabaseError, InterfaceError

from accounts import cache, trail
from accounts.errors import (
    UNAVAILABLE,
    InvalidGrant,
    ProtocolError,
    TemporarilyUnavailable,
    TooManyRequests,
)
from accounts.keyring import digest
from accounts.login import familiar, lockout, precedence
from accounts.login.precedence import Standing
from accounts.provider import Authentication, Cookies, Recognises, Visit
from accounts.source import outage
from accounts.source.catalogue import ConfiguredSource
from accounts.upstream import cookie_header

# How long a "no" of an upstream to a shared cookie is cached.
_STRANGER_SECONDS = 60
log = structlog.get_logger("vestibule.recognition")


def verify_form(
    source: ConfiguredSource, form: Mapping[str, str], visit: Visit, device: str = ""
) -> Authentication:
    """Verify a posted form under the lock-out, which guards every source that has a form.

    `device` names a browser in which the same name has signed in before.

    Raises `InvalidGrant` when it does not fit, `TooManyRequests` when locked out,
    `TemporarilyUnavailable` when nothing could be tried, and what else the provider raises. An
    attempt that could not be judged, since an upstream or the database does not answer, is none.
    """
    provider = source.form
    name = form.get(provider.prompt().identifier, "")

    def is_familiar() -> bool:
        return familiar.is_name(source.slug, name, visit.address)

    lockout.check(source.slug, name, visit.address, device, is_familiar)
    who = Standing(bool(device), lockout.network(visit.address))
    try:
        with precedence.on_behalf(who):
            outcome = _verified(source, form)
    except InvalidGrant:
        lockout.failed(source.slug, name, visit.address, device)
        raise
    except (TemporarilyUnavailable, DatabaseError, InterfaceError):
        lockout.refund(source.slug, name, visit.address, device)  # nothing was guessed
        raise
    lockout.succeeded(source.slug, name, visit.address, device)
    return replace(outcome, name_key=lockout.name_key(source.slug, name))


def _verified(source: ConfiguredSource, form: Mapping[str, str]) -> Authentication:
    """Return what the provider says of a form, and note how long it took to say so."""
    trail.note(trail.Step(trail.PERSON, trail.HERE, "typed"))
    began, failed = time.monotonic(), True
    try:
        outcome = source.form.verify(form)
        failed = False
    finally:
        took = round((time.monotonic() - began) * 1000)
        checked = trail.Step(trail.HERE, trail.HERE, "checked", source.slug, took, failed)
        trail.note(checked)
    return outcome


def verify_password(
    source: ConfiguredSource, username: str, password: str, visit: Visit, device: str = ""
) -> Authentication:
    """Verify a name and a password that were not typed into the form of the source.

    Raises what `verify_form` raises.
    """
    prompt = source.form.prompt()
    form = {each.name: password for each in prompt.fields if each.type == "password"}
    return verify_form(source, {**form, prompt.identifier: username}, visit, device)


def recognise(source: ConfiguredSource, cookies: Cookies, visit: Visit) -> Authentication | None:
    """Return whom the source knows by `cookies` that its upstream shares with us, None for nobody.

    The upstream is not asked without a cookie, nor within 60 s of a "no" to the same cookies, nor
    for a visitor who has brought too many that it does not know.
    """
    if not cookies or not isinstance(source.provider, Recognises):
        return None
    key = f"stranger:{source.slug}:{digest(repr(sorted(cookie_header.pairs(cookies))))}"
    if cache.shared.get(key):
        return None
    cost = cookie_header.count(cookies)
    try:
        with lockout.held(visit, source.slug, cost):
            outcome = _asked(source, source.provider, cookies, visit)
    except TooManyRequests:
        return None
    except TemporarilyUnavailable as error:
        if error.reason == UNAVAILABLE:
            outage.note(source.slug)
        return None  # who was not asked about is no stranger: the next request asks again
    if outcome is None:
        cache.shared.set(key, True, _STRANGER_SECONDS)
    return outcome


def _asked(
    source: ConfiguredSource, provider: Recognises, cookies: Cookies, visit: Visit
) -> Authentication | None:
    outcome, counted = None, cookie_header.count(cookies)
    try:
        outcome = provider.recognise(cookies)
    except ProtocolError as error:
        counted = error.counted(counted)
        if isinstance(error, TemporarilyUnavailable):
            raise
        log.info("recognition.refused", source=source.slug, reason=error.reason)
    finally:
        if outcome is None and counted:
            lockout.spend_budget(visit, source.slug, counted)
    return outcome
