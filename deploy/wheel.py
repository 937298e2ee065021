"""How the wheel is built: pyproject.toml names this step, and the site has no use for it."""

import shutil

from setuptools.command.build_py import build_py


class Afresh(build_py):
    """Gathers what the wheel holds, without what the build of another version has left behind."""

    def run(self) -> None:
        """Empty the folder in which it is gathered, and gather."""
        if not self.editable_mode:
            shutil.rmtree(self.build_lib, ignore_errors=True)
        super().run()

    def get_source_files(self) -> list[str]:
        """Return what an archive of the source holds beside: this file, which builds from it."""
        return [*super().get_source_files(), "deploy/wheel.py"]
