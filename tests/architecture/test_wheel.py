"""The wheel is the whole product and nothing else: installed elsewhere, it draws its pages."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from sysconfig import get_path
from urllib.request import Request, urlopen
from zipfile import ZipFile

import pytest

from tests.architecture.tree import FLOORS, ROOT, files
from tests.peers.site import Site, environment, free_port

pytestmark = pytest.mark.slow

BUILT_FROM = (
    "pyproject.toml", "README.md", "LICENSE", "manage.py", "deploy/wheel.py", "templates", "tests",
    *FLOORS,
)  # fmt: skip
LEFT_BEHIND = "build/lib/accounts/migrations/0999_of_another_version.py"
STYLESHEET = re.compile(r'<link rel="stylesheet" href="(/static/[^"]+)"')


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=env or environment({}), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of what git knows, built from a copy in which another version was built before."""
    folder = tmp_path_factory.mktemp("source")
    for path in files():
        if {path.parts[0], path.as_posix()} & {*BUILT_FROM}:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, folder / path)
    (folder / "portal" / "templates").symlink_to((ROOT / "portal" / "templates").readlink())
    (folder / LEFT_BEHIND).parent.mkdir(parents=True)
    (folder / LEFT_BEHIND).touch()
    run(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", "dist", cwd=folder)
    return next((folder / "dist").glob("*.whl"))


@dataclass(frozen=True)
class Installed:
    """The site in an environment of its own, run from `home`, a folder that holds nothing else."""

    bin: Path
    home: Path
    site: Site

    def vestibule(self, *args: str) -> str:
        return run(self.bin / "vestibule", *args, cwd=self.home, env=dict(self.site.env))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """The wheel installed beside nothing; what it depends on is borrowed from this environment."""
    home, place = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("environment")
    venv.create(place)
    python = place / "bin" / "python"
    packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))",
                        cwd=home).strip())  # fmt: skip
    (packages / "borrowed.pth").write_text(get_path("purelib") + "\n")
    pip = (sys._base_executable, "-m", "pip", "--python", python, "--disable-pip-version-check")
    run(*pip, "install", "--quiet", "--no-index", "--no-deps", wheel, cwd=home)
    url = f"http://127.0.0.1:{free_port()}"
    env = environment({"VESTIBULE_SITE_URL": url, "XDG_STATE_HOME": str(home / "state")})
    site = Site(url, env, workers=1, threads=2, log=home / "log", python=str(python), folder=home)
    yield Installed(place / "bin", home, site)
    site.stop()


def test_the_wheel_holds_the_product_and_nothing_else(wheel: Path) -> None:
    held = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    product = {path for path in files() if path.parts[0] in FLOORS and path.suffix != ".po"}
    pages = {Path("portal") / path for path in files() if path.parts[0] == "templates"}
    assert held == {path.as_posix() for path in product | pages}


@pytest.mark.soak
def test_an_installed_site_draws_the_login_page_and_keeps_its_data(installed: Installed) -> None:
    installed.vestibule("migrate", "--verbosity=0")
    assert (installed.home / "state" / "vestibule" / "vestibule.sqlite3").is_file()
    installed.site.start()
    danish = Request(f"{installed.site.url}/login", headers={"Accept-Language": "da"})
    with urlopen(danish, timeout=60) as answer:
        assert answer.status == 200
        page = answer.read().decode()
    assert '<html lang="da"' in page
    assert "Adgangskode" in page
    (link,) = STYLESHEET.findall(page)
    with urlopen(installed.site.url + link, timeout=60) as answer:
        assert answer.read() == (ROOT / "portal" / "static" / "vestibule.css").read_bytes()


def test_an_installed_site_says_that_the_demo_needs_a_checkout(installed: Installed) -> None:
    done = subprocess.run(
        [installed.bin / "vestibule", "demo"],
        cwd=installed.home, env=installed.site.env, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "CommandError: The demo needs a checkout of the project.\n"
