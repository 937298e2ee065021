"""Without the extra [ldap] the site runs, and says how to install it."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from tests.peers.site import Site
from tests.peers.slapd import slapd

pytestmark = pytest.mark.wire


def test_the_site_runs_and_says_what_to_install(site: Callable[..., Site], tmp_path: Path) -> None:
    (tmp_path / "ldap3.py").write_text('raise ImportError("not installed, for this test")\n')
    with slapd() as directory:
        own = site({"PYTHONPATH": str(tmp_path)})
        file = tmp_path / "sources.toml"
        file.write_text(directory.file())
        own.manage("sources", "apply", str(file))
        browser = requests.Session()
        page = browser.get(f"{own.url}/auth/login/work")
        assert page.status_code == 200
        token = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[0]
        form = {"username": "alice", "password": "ldap-alice", "csrfmiddlewaretoken": token}
        answer = browser.post(page.url, form, headers={"Origin": own.url, "Referer": page.url})
        assert answer.status_code == 503
        assert "That is our fault, not yours" in answer.text
        with pytest.raises(AssertionError, match=r"pip install 'vestibule\[ldap\]'"):
            own.manage("sources", "check", "work")
