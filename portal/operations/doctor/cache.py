"""The cache: that it works, and that the workers use the same."""

import re
from collections.abc import Iterator

from django.utils.translation import gettext as _

from accounts import cache, conf
from accounts.cache import reasons
from accounts.provider import Finding, verdict
from portal.operations.doctor.look import Look

# What Redis says while its memory is full, while it cannot write its snapshots, and of strangers.
_TAKES_NOTHING = re.compile(r"maxmemory|MISCONF|snapshots|protected mode")


def findings(look: Look) -> Iterator[Finding]:
    """Yield whether something that is put into the cache is found there by the site."""
    if not conf.redis_url():
        yield Finding(True, _("The cache is the worker's own memory, as there is one worker."))
        return
    answers = look.cache_answers
    if not answers and (why := cache.shared.trouble()):
        yield Finding(False, _("Redis cannot be used: %s.") % why, _fix(why))
        return
    yield verdict(
        answers,
        _("Redis answers."),
        _("Redis does not answer, or forgets at once."),
        _("Start it, and compare REDIS_URL with where it listens."),
    )
    if answers and look.told:
        yield verdict(
            look.told.get("cache"),
            _("The workers use the same Redis."),
            _("The workers do not find in Redis what is put there from here."),
            _("Start the workers with the same REDIS_URL as this command."),
        )


def _fix(why: str) -> str:
    if _TAKES_NOTHING.search(why):
        return _("Look at its maxmemory, its disk and whom it lets in, and compare REDIS_URL.")
    if reasons.is_about_tls(why) or "reset by peer" in why:  # as by a server that awaits TLS
        return _(
            "Compare the server's certificate with REDIS_URL: its authority (ssl_ca_certs), its "
            "name and its end; rediss:// is with TLS, redis:// without."
        )
    if reasons.is_a_refusal(why):
        return _("Compare user and password in REDIS_URL with those of Redis, and their rights.")
    return _("Start it, and compare REDIS_URL with where it listens.")
