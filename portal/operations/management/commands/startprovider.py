"""`manage.py startprovider NAME`."""

import shutil
from argparse import ArgumentParser
from keyword import iskeyword
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.core.management.templates import TemplateCommand
from django.utils.translation import gettext as _

from accounts.source import registry
from portal import operations

SKELETON = Path(operations.__file__).with_name("skeleton")


class Command(TemplateCommand):
    """Writes the package of a provider of one's own (docs/providers.md)."""

    help = "Write a package with a provider to fill in, in a new folder of that name here."
    rewrite_template_suffixes = (("-tpl", ""),)
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the name."""
        parser.add_argument("name", help="a word that Python takes for a module, such as guild")

    def handle(self, name: str, **options: Any) -> None:  # type: ignore[override]
        """Write the package. Raises `CommandError` for a name that is no module's, or is taken, and
        `OSError` when there is no room; then nothing is written.
        """
        if not (name.isascii() and name.isidentifier()) or iskeyword(name):
            said = _("%s is no name of a module: take a word of a-z, 0-9 and _.")
            raise CommandError(said % name)
        if name in registry.providers():
            raise CommandError(_("There is a provider %s already: take another name.") % name)
        drawn = {"template": str(SKELETON), "extensions": ["py,toml,md"]}
        was_there = Path(name).exists()
        try:
            super().handle("app", name, None, **{**options, **drawn, "files": [], "exclude": []})
        except BaseException:  # whatever it is, somebody's Ctrl-C as well
            if not was_there:  # half a package would be in the way of the next try
                shutil.rmtree(name, ignore_errors=True)
            raise
        said = _("Written. What is left to do is said by its tests: cd %s && python -m pytest")
        self.stdout.write(said % name)
