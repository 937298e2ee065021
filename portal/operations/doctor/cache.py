"""The cache: that it works, and that the workers use the same."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from accounts import conf
from accounts.provider import Finding, verdict
from portal.operations.doctor.look import Look


def findings(look: Look) -> Iterator[Finding]:
    """Yield whether something that is put into the cache is found there by the site."""
    if not conf.redis_url():
        yield Finding(True, _("The cache is the worker's own memory, as there is one worker."))
        return
    answers = look.cache_answers
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
