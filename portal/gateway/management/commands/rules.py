"""`manage.py rules apply FILE | export | check | test URL`."""

from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from portal.configuration import file_command
from portal.gateway import rule_file


class Command(BaseCommand):
    """Access rules from a file, to a file, looked through, and tried."""

    help = "Apply access rules from a TOML file, export them, look for what is wrong, try them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the verbs."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        apply = verbs.add_parser("apply", help="make the rules what a file says, all or nothing")
        apply.add_argument("file", help="a TOML file, or - for standard input")
        apply.add_argument("--prune", action="store_true", help="disable those it does not name")
        verbs.add_parser("export", help="print the rules as apply takes them")
        verbs.add_parser("check", help="say what is wrong; status 1 if anything is")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what the verb says. Raises `CommandError`, which is exit status 1."""
        match options["verb"]:
            case "apply":
                apply = partial(rule_file.apply, prune=options["prune"])
                for change in file_command.applied(options["file"], apply):
                    self.stdout.write(file_command.line(change))
            case "export":
                self.stdout.write(rule_file.export(), ending="")
            case "check":
                self._check()

    def _check(self) -> None:
        found = rule_file.problems()
        for slug, wrong in found.items():
            self.stdout.write(f"{'FAIL' if wrong else 'ok  '}  {slug}")
            for each in wrong:
                self.stdout.write(f"      {each}")
        if any(found.values()):
            troubled = [slug for slug, wrong in found.items() if wrong]
            raise CommandError(_("Not well: %s") % ", ".join(troubled))
