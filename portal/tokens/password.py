"""Signing in with a password by a call, for front ends that draw their own form."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from accounts.errors import AccessDenied, InvalidGrant, InvalidRequest
from accounts.login import flow, sign_in
from accounts.models import Source, StoredSession
from accounts.provider import Prompt, Visit
from accounts.session.store import end
from accounts.session.typed import Session
from accounts.source import catalogue
from accounts.source.catalogue import ConfiguredSource
from portal import conf
from portal.tokens import pair
from portal.tokens.token_errors import RefusedGrant


def source_of(slug: str) -> ConfiguredSource:
    """Return the source with a form that `slug` names. Raises `InvalidRequest` when there is none.

    Without a name it is the site's default source, else `local`, else the first: a source that is
    added later must not be sent the passwords that were meant for another.
    """
    forms = [each for each in catalogue.enabled() if each.description.kind == "form"]
    for wanted in [slug] if slug else [conf.default_source(), Source.LOCAL]:
        for each in forms:
            if each.slug == wanted:
                return each
    if slug or not forms:
        raise InvalidRequest("There is no source of this name that takes a password.")
    return forms[0]


def enter(source: ConfiguredSource, username: str, password: str, visit: Visit) -> pair.Pair:
    """Return the pair of a new session of the source's type. The session lives as long as its
    refresh token, since no browser holds it.

    Raises `RefusedGrant` when name and password do not fit, `TooManyRequests` when locked out,
    `AccessDenied` for people who are disabled, not registered or awaiting access, and
    `TemporarilyUnavailable`.
    """
    fresh = flow.new_flow(source.slug, "", "", timezone.now())
    prompt = source.provider.begin_login(fresh)
    if not isinstance(prompt, Prompt):
        raise InvalidRequest("This source has no form.")
    secrets = {each.name: password for each in prompt.fields if each.type == "password"}
    form = {**secrets, prompt.identifier: username}
    try:
        outcome = sign_in.verify_form(source, fresh, form, prompt.identifier, visit)
    except InvalidGrant:
        raise RefusedGrant("The username or the password is wrong.") from None
    kind = StoredSession.Kind.CLIENT
    done = sign_in.sign_in(source, outcome, None, Session(), visit, kind)
    return _pair_of(done.store.typed.uid)


def _pair_of(uid: str) -> pair.Pair:
    """Issue the first pair of a new session; the session ends when its person may not have one."""
    own = StoredSession.objects.filter(uid=uid)
    try:
        with transaction.atomic():
            return pair.issue(own.select_related("user").get())
    except AccessDenied:
        end(own)
        raise
