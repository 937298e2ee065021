"""The demo's directory works in any folder, also in one with a blank and a letter beyond ASCII."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sandbox.directory import slapd


@pytest.mark.skipif(slapd.program() is None, reason="OpenLDAP's server is not installed")
def test_a_folder_may_have_a_blank(tmp_path: Path) -> None:
    folder = tmp_path / "mine Ærinder"
    slapd.prepare(folder, [])  # which slapd itself reads
    assert (folder / "db" / "data.mdb").exists()
