"""The worker processes: as many as the settings say, and started anew when one dies."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from accounts.keyring import key_ids
from accounts.provider import Finding, verdict
from portal import conf
from portal.operations.doctor.look import Look


def findings(look: Look) -> Iterator[Finding]:
    """Yield whether they open and seal by the keys of this command, and the server was started as
    README says; nothing of that where it is not granian.
    """
    yield from _keys(look.told.get("keys"))
    told = look.told.get("workers", {})
    if not told.get("served"):
        return
    numbers = {
        "running": told["running"], "configured": told["configured"], "here": conf.workers(),
    }  # fmt: skip
    yield verdict(
        told["running"] == told["configured"] == conf.workers(),
        _("There are as many workers as VESTIBULE_WORKERS says: %(running)d.") % numbers,
        _(
            "%(running)d workers run; VESTIBULE_WORKERS is %(configured)d for them, and %(here)d "
            "for this command."
        )
        % numbers,
        _("Give granian's --workers and VESTIBULE_WORKERS one number, here as well."),
    )
    yield verdict(
        told["respawn"],
        _("A worker that dies is started anew."),
        _("A worker that dies is not started anew: granian ends with the first."),
        _("Start granian with --respawn-failed-workers (docs/configuration.md, The server)."),
    )
    yield verdict(
        told["kill"],
        _("An old worker is ended after a while."),
        _("An old worker with a request that does not end stays for ever."),
        _("Start granian with --workers-kill-timeout 60 (docs/configuration.md, The server)."),
    )
    yield verdict(
        told.get("takes", True),  # a site of before does not say
        _("A worker takes as many connections as it was told."),
        _("All workers together take 1024 connections: so many that wait shut everybody else out."),
        _("Start granian with --backpressure 4096 (docs/configuration.md, The server)."),
    )


def _keys(told: list[str] | None) -> Iterator[Finding]:
    """Yield whether the workers have the keys of this command; former ones have told nothing."""
    if told is not None:
        yield verdict(
            told == [*key_ids()],
            _("The workers have the keys of VESTIBULE_VAULT_KEYS, in this order."),
            _(
                "The workers have other keys in VESTIBULE_VAULT_KEYS than this command, or another "
                "order."
            ),
            _(
                "Give all the same, and start the workers anew, on each machine, before "
                "rotate_keys."
            ),
        )
