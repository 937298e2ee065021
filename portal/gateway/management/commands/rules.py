"""`manage.py rules apply FILE | export | check | test URL`."""

from datetime import timedelta
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.errors import InvalidRequest
from accounts.models import User
from accounts.models.users import username_key
from accounts.strength import Strength
from portal.configuration import file_command
from portal.gateway import rule_file, rules, tester
from portal.gateway.decision import Who

_OLDEST = 1_000_000  # minutes


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
        test = verbs.add_parser("test", help="say what would happen to a request, and why")
        test.add_argument("url")
        test.add_argument("--method", default="GET")
        test.add_argument("--manner", choices=tester.MANNERS, default="page", help="who calls")
        test.add_argument("--as", dest="person", default="", help="a person, by username")
        test.add_argument("--type", default="", help="somebody with a session of this type")
        test.add_argument("--group", action="append", default=[], help="one of their groups")
        test.add_argument("--proof", type=int, help="minutes since they proved who they are")
        levels = [each.word for each in Strength]
        test.add_argument("--strength", choices=levels, default="", help="of their sign-in")

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
            case "test":
                self._test(options)

    def _check(self) -> None:
        found = rule_file.problems()
        for slug, wrong in found.items():
            self.stdout.write(f"{'FAIL' if wrong else 'ok  '}  {slug}")
            for each in wrong:
                self.stdout.write(f"      {each}")
        if any(found.values()):
            troubled = [slug for slug, wrong in found.items() if wrong]
            raise CommandError(_("Not well: %s") % ", ".join(troubled))

    def _test(self, options: dict[str, Any]) -> None:
        try:
            scheme = urlsplit(options["url"]).scheme
        except ValueError:
            scheme = ""
        if scheme not in {"http", "https"}:
            raise CommandError(_("Give a whole address, such as https://files.example.org/page."))
        minutes = options["proof"]
        if minutes is not None and not 0 <= minutes <= _OLDEST:
            said = _("%(name)s is a number from %(least)s to %(most)s.")
            raise CommandError(said % {"name": "--proof", "least": 0, "most": _OLDEST})
        proof = timedelta(minutes=minutes) if minutes is not None else None
        try:
            who = self._who(options, proof)
            asked = options["url"], options["method"], options["manner"]
            found = tester.outcome(who, *asked, rules.compiled(), timezone.now())
        except InvalidRequest as error:
            raise CommandError(error.description) from None
        self.stdout.write(f"{found.status}  {found.why}")
        for each in found.looked:
            self.stdout.write(f"     {each.method} {each.path}: {each.rule or '-'}")
        for name, value in found.headers:
            self.stdout.write(f"     {name}: {value}")

    @staticmethod
    def _who(options: dict[str, Any], proof: timedelta | None) -> Who:
        if not options["person"]:
            groups = tuple(options["group"])
            return tester.imagined(options["type"], groups, proof, options["strength"])
        folded = username_key(options["person"])
        person = User.objects.filter(username_key=folded).first()
        if person is None:
            raise CommandError(_("Nobody has the username %s.") % options["person"])
        return tester.known(person, options["type"], proof, options["strength"])
