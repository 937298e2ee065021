"""The demo: the site, and the stand-ins that it signs people in by; it ends at Ctrl-C."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from accounts.models import Source
from accounts.source import catalogue, registry
from tests.http.sandbox.running import CITIZEN, hidden
from tests.peers import commands
from tests.peers.demo import Demo, command, running
from tests.sandbox import demo as whole
from tests.sandbox import openid_demo
from tests.sandbox.directory import demo as directory_demo
from tests.sandbox.directory import slapd


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running(tmp_path_factory.mktemp("demo")) as own:
        yield own


def sign_in(demo: Demo, persona: whole.Persona, source: str = "local") -> str:
    """Sign in as the banner says. Returns where one lands."""
    with requests.Session() as browser:
        page = browser.get(f"{demo.site}/login", timeout=60)
        form = {
            "csrfmiddlewaretoken": hidden(page, "csrfmiddlewaretoken"),
            "username": persona.username,
            "password": persona.password,
        }
        return browser.post(f"{demo.site}/auth/login/{source}", form, timeout=60).url


def manage(data: Path, *args: str) -> None:
    """Run another command than the demo on its data."""
    commands.manage(args, command(data)[1]).check_returncode()


def test_the_doctor_finds_nothing_wrong_with_the_demo(demo: Demo) -> None:
    (line,) = (line.strip() for line in demo.banner.splitlines() if "manage.py doctor" in line)
    settings, _, command = line.partition(" .venv/bin/python manage.py ")
    own = dict(each.split("=", 1) for each in settings.split())
    for asked in (command, "clients check"):
        done = commands.manage(asked.split(), {**demo.env, **own})
        assert done.returncode == 0, done.stdout


def test_the_demo_says_where_it_is_and_who_may_come_in(demo: Demo) -> None:
    steps, opened, _rest = demo.banner.partition("Vestibule is open")
    assert opened
    assert [line.split()[0] for line in steps.splitlines() if line.strip()] == [
        "Preparing",
        "Starting",
    ]  # and nothing else, such as a warning, was said before
    assert f"docs/examples/device.py {demo.site} library-cli" in demo.banner
    for at in (
        demo.site,
        f"{demo.site}/admin/",
        f"{demo.stand_in}/mails",
        f"{demo.library}/",
        demo.directory,
    ):
        assert at in demo.banner
    assert requests.get(f"{demo.site}/", timeout=60).status_code == 200
    for persona in whole.PERSONAS:
        assert persona.username in demo.banner
        assert persona.password in demo.banner
        assert sign_in(demo, persona) == f"{demo.site}/account/"


def test_employees_of_the_directory_sign_in(demo: Demo) -> None:
    for uid, landed in (
        ("mette", "/account/"),
        ("søren", "/account/"),
        ("karl", "/auth/login/work"),
    ):
        assert uid in demo.banner
        persona = whole.Persona(uid, directory_demo.PASSWORD, "")
        assert sign_in(demo, persona, directory_demo.SLUG) == f"{demo.site}{landed}"


@pytest.mark.django_db
def test_where_slapd_may_not_work_the_demo_goes_on_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(directory_demo, "_folder", lambda: tmp_path / "directory")
    monkeypatch.setattr(slapd, "_CONFIGURATION", "what is no configuration")
    directory_demo.furnish(8000)
    assert directory_demo.processes(8000) == []
    assert "left out" in directory_demo.banner(8000)
    monkeypatch.undo()


@pytest.mark.django_db
def test_without_slapd_the_demo_says_so_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slapd, "_SCHEMAS", ("/nowhere",))
    directory_demo.furnish(8000)
    assert not Source.objects.filter(slug=directory_demo.SLUG).exists()
    assert directory_demo.processes(8000) == []
    assert "slapd is not installed" in directory_demo.banner(8000)


def test_a_newcomer_signs_in_by_one_click_and_leaves_on_both_sides(demo: Demo) -> None:
    site, stand_in = demo.site, demo.stand_in
    with requests.Session() as browser:
        page = browser.get(f"{site}/auth/login/citizen", timeout=60)
        assert page.url.startswith(f"{stand_in}/openid/authorize")
        form = {
            "csrfmiddlewaretoken": browser.cookies["sandbox-csrf"],
            "request": hidden(page, "request"),
            "persona": CITIZEN,
        }
        landed = browser.post(f"{stand_in}/openid/authorize/choose", data=form, timeout=60)
        assert landed.url == f"{site}/account/"
        assert browser.get(f"{site}/auth/session", timeout=60).json()["source"] == "citizen"
        assert "Clara Clausen" in browser.get(f"{stand_in}/", timeout=60).text
        token = {"csrfmiddlewaretoken": browser.cookies["csrftoken"]}
        page = browser.post(f"{site}/auth/logout", data=token, timeout=60)
        left = browser.get(page.headers["Refresh"].partition("url=")[2], timeout=60)
        assert left.url == f"{site}/"
        assert any(step.url.startswith(f"{stand_in}/openid/end_session") for step in left.history)
        assert "Clara Clausen" not in browser.get(f"{stand_in}/", timeout=60).text


def test_who_signs_out_at_the_stand_in_is_told_so_at_the_site(demo: Demo) -> None:
    site, stand_in = demo.site, demo.stand_in
    with requests.Session() as browser:
        page = browser.get(f"{site}/auth/login/citizen", timeout=60)
        form = {
            "csrfmiddlewaretoken": browser.cookies["sandbox-csrf"],
            "request": hidden(page, "request"),
            "persona": CITIZEN,
        }
        browser.post(f"{stand_in}/openid/authorize/choose", data=form, timeout=60)
        token = {"csrfmiddlewaretoken": browser.cookies["sandbox-csrf"]}
        browser.post(f"{stand_in}/openid/leave", data=token, timeout=60)
        time.sleep(0.6)  # until each worker has read the feed
        page = browser.get(f"{site}/account/", timeout=60)
        assert "your session ended where you had signed in" in page.text


def test_a_mail_is_told_by_its_link_and_is_shown_at_the_stand_in(
    migrated_file: str, tmp_path: Path
) -> None:
    with running(tmp_path, migrated=migrated_file) as demo, requests.Session() as browser:
        page = browser.get(f"{demo.site}/login/forgotten", timeout=60)
        form = {
            "csrfmiddlewaretoken": hidden(page, "csrfmiddlewaretoken"),
            "identifier": whole.PERSONAS[1].username,
        }
        browser.post(f"{demo.site}/login/forgotten", form, timeout=60)
        shown = ""
        for _ in range(600):
            shown = requests.get(f"{demo.stand_in}/mails", timeout=60).text
            if link := re.search(r'href="(http://localhost:\d+/login/reset/[^"]+)"', shown):
                break
            time.sleep(0.1)
        assert link, shown
        assert browser.get(link[1], timeout=60).status_code == 200
        said = demo.leave().splitlines()
        at = said.index('>>> Mail to patron@example.org: "Set a new password"')
        assert said[at + 1] == f">>> {link[1]}"
        assert f"{demo.stand_in}/mails" in said[at + 2]


def test_the_demo_is_an_institution_of_its_own(demo: Demo) -> None:
    page = requests.get(f"{demo.site}/login", timeout=60).text
    assert " Sommerby Bibliotek og Borgerservice</title>" in page
    assert 'href="mailto:borgerservice@sommerby.example"' in page
    assert 'fill="#7a1f3d"' in requests.get(f"{demo.site}/icon.svg", timeout=60).text


@pytest.mark.parametrize("language", ["da", "de"])
def test_the_demo_has_no_english_words_in_another_language(demo: Demo, language: str) -> None:
    page = requests.get(f"{demo.site}/login", headers={"Accept-Language": language}, timeout=60)
    assert f'<html lang="{language}">' in page.text
    assert page.text.count('class="way"') > 3
    for word in ("sandbox)", "made up", "Work account"):
        assert word not in page.text


def test_static_files_of_the_demo_are_compressed(demo: Demo) -> None:
    for origin in (demo.site, demo.stand_in, demo.library):
        page = requests.get(f"{origin}/", timeout=60).text
        style = re.findall(r'(?:href|src)="(/static/[^"#]+\.(?:css|svg|js))', page)
        assert style
        for path in style:
            answer = requests.get(f"{origin}{path}", timeout=60)
            assert answer.headers["Content-Encoding"] == "gzip", f"{origin}{path}"


def test_a_refusal_of_the_application_of_files_can_be_read(demo: Demo) -> None:
    bad = {"Authorization": "Bearer bad", "Accept-Encoding": "gzip"}
    answer = requests.request("PROPFIND", f"{demo.files}/desk/", headers=bad, timeout=60)
    assert (answer.status_code, answer.text[:14]) == (401, "<?xml version=")


@pytest.mark.soak
def test_a_second_run_keeps_its_data_and_reset_does_not(migrated_file: str, tmp_path: Path) -> None:
    def key(demo: Demo) -> str:
        found = requests.get(f"{demo.stand_in}/openid/jwks", timeout=60).json()
        return str(found["keys"][0]["n"])

    with running(tmp_path, migrated=migrated_file) as first:
        kept = key(first)
        assert sign_in(first, whole.PERSONAS[1]) == f"{first.site}/account/"
        assert first.leave(signal.SIGTERM) == ""
    mark = tmp_path / "not-ours"
    mark.write_text("stays")
    change = "from accounts.models import User; User.objects.filter(username='patron').delete();"
    change += "u = User.objects.get(username='admin'); u.set_password('x'); u.save()"
    manage(tmp_path, "shell", "-c", change)
    with running(tmp_path) as second:
        assert key(second) == kept
        assert "(you changed it)" in second.banner
        assert whole.PERSONAS[1].password in second.banner
        assert second.leave(signal.SIGINT) == ""
    with running(tmp_path, "--reset") as third:
        assert key(third) != kept
        assert "(you changed it)" not in third.banner
    assert mark.read_text() == "stays"


@pytest.mark.django_db
def test_furnishing_makes_the_source_once_and_leaves_what_was_changed() -> None:
    openid_demo.furnish(8000)
    source = Source.objects.get(slug=openid_demo.SLUG)
    assert source.settings["issuer"] == "http://127.0.0.1:8001/openid"
    assert catalogue.instance(source).session_type == "oidc"
    source.label = "Ours"
    catalogue.save(source)
    openid_demo.furnish(9000)
    source.refresh_from_db()
    assert source.label == "Ours"
    assert source.settings["issuer"] == "http://127.0.0.1:9001/openid"
    source.settings["issuer"] = "https://login.example.org/openid"
    catalogue.save(source)
    openid_demo.furnish(8000)
    source.refresh_from_db()
    assert source.settings["issuer"] == "https://login.example.org/openid"


@pytest.mark.django_db
def test_a_site_without_the_provider_is_furnished_without_the_source(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    local_only = {"local": registry.providers()["local"]}
    monkeypatch.setattr(registry, "providers", lambda: local_only)
    openid_demo.furnish(8000)
    assert not Source.objects.filter(slug=openid_demo.SLUG).exists()
