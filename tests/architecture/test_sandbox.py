"""The sandbox is for the demo and for tests: a site in production has no sign-in as anybody."""

import subprocess
import sys
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path

from tests.architecture.test_deploy import PRODUCTION
from tests.architecture.tree import FLOORS, ROOT, SANDBOX, code, files, imported, text
from tests.peers.site import environment

# What the stand-ins know of the site, which is another one than theirs; the demo runs it.
KNOWN = ("accounts.", "portal.settings", "portal.configuration.")
RUN_BY_THE_DEMO = ("portal.operations.",)
DEMO = SANDBOX / "management"
LOADED = """
import os
import sys
from importlib import import_module
import django
from django.core.management import call_command
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
django.setup()
call_command("collectstatic", verbosity=0, interactive=False)  # without it nothing is served
for name in ("portal.rsgi", "portal.urls"):
    import_module(name)
from django.apps import apps
from django.core.management import get_commands
held = {*sys.modules, *get_commands().values(), *(app.name for app in apps.get_app_configs())}
print(sorted(name for name in held if name.split(".")[0] == "tests"))
"""


def test_a_site_in_production_loads_nothing_of_the_tests(tmp_path: Path) -> None:
    known = environment({**PRODUCTION, "VESTIBULE_DATA": str(tmp_path)})
    command = [sys.executable, "-c", LOADED]
    done = subprocess.run(command, cwd=ROOT, env=known, capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_a_wheel_holds_nothing_of_the_tests() -> None:
    chosen = tomllib.loads(text(Path("pyproject.toml")))["tool"]["setuptools"]["packages"]["find"]
    folders = {".".join(path.parent.parts) for path in files()}
    packages = {name for name in folders for each in chosen["include"] if fnmatchcase(name, each)}
    assert packages >= set(FLOORS)
    assert not [name for name in packages if name.partition(".")[0] == "tests"]


def test_no_setting_of_the_product_names_the_tests() -> None:
    product = (path for path in code() if path.parts[0] in FLOORS)
    assert not [str(path) for path in product if '"tests.' in text(path)]


def test_the_stand_ins_know_of_the_site_what_another_site_may_know() -> None:
    found = [
        f"{path}:{line} imports {name}"
        for path in code()
        if path.is_relative_to(SANDBOX)
        for line, name in imported(path)
        if name.startswith((*FLOORS, "tests"))
        and not name.startswith(("tests.sandbox", *KNOWN))
        and not (path.is_relative_to(DEMO) and name.startswith(RUN_BY_THE_DEMO))
    ]
    assert not found
