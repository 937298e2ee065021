"""The demo: a pupil signs in by the stand-in beside the site, leaves, and is gone on both sides."""

from __future__ import annotations

from pathlib import Path

import requests

from tests.http.sandbox.running import hidden
from tests.peers.demo import running
from tests.sandbox.unilogin.broker import BROKER


def test_a_pupil_signs_in_and_leaves_and_another_is_refused(
    migrated_file: str, tmp_path: Path
) -> None:
    subjects = {each.title: each.subject for each in BROKER.personas}
    with running(tmp_path, migrated=migrated_file) as demo, requests.Session() as browser:
        site, stand_in = demo.site, demo.stand_in
        assert f"{stand_in}/unilogin/" in demo.banner

        def enter(who: str) -> requests.Response:
            page = browser.get(f"{site}/auth/login/unilogin", timeout=60)
            assert page.url.startswith(f"{stand_in}/{BROKER.name}/"), page.url
            form = {
                "csrfmiddlewaretoken": browser.cookies["sandbox-csrf"],
                "request": hidden(page, "request"),
                "persona": subjects[who],
            }
            url = f"{stand_in}/{BROKER.name}/authorize/choose"
            return browser.post(url, data=form, timeout=60)

        def there() -> str:
            return browser.get(f"{stand_in}/unilogin/", timeout=60).text

        assert enter("Ida").url == f"{site}/account/"
        assert browser.get(f"{site}/auth/session", timeout=60).json()["type"] == "unilogin"
        assert "<strong>Ida</strong>" in there()
        token = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        assert browser.post(f"{site}/auth/logout", data=token, timeout=60).url == f"{site}/"
        assert "<strong>Ida</strong>" not in there()
        refused = enter("Bo")
        assert refused.status_code == 403
        assert refused.url.startswith(f"{site}/login/failed/")
        assert "<strong>Bo</strong>" not in there()
