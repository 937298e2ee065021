"""`manage.py startprovider NAME`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.templates import TemplateCommand
from django.utils.translation import gettext as _

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
        """Write the package. Raises `CommandError` when there is something of that name already."""
        drawn = {"template": str(SKELETON), "extensions": ["py,toml,md"]}
        super().handle("app", name, None, **{**options, **drawn, "files": [], "exclude": []})
        said = _("Written. What is left to do is said by its tests: cd %s && python -m pytest")
        self.stdout.write(said % name)
