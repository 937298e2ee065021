"""The demo's CMS itself: it does what the real one does (docs/threats.md 2.2), and only in a
demo.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import requests

from accounts.models import Source
from accounts.source import catalogue, registry
from tests.peers.cms import SITE, Cms, Patron
from tests.peers.site import ROOT
from tests.sandbox.cms import demo
from tests.sandbox.cms.conf import GRAPHQL_PASSWORD, GRAPHQL_USER

OURS = (GRAPHQL_USER, GRAPHQL_PASSWORD)
QUERY = {"query": "{ dplTokens { adgangsplatformen { user { token } } } }"}


def test_who_is_signed_in_already_begins_anew(patron: Patron) -> None:
    patron.sign_in("rikke")
    before = patron.cookies
    patron.sign_in("lars")
    assert patron.cookies != before
    assert "Lars Låner" in patron.get("/").text


def test_strangers_cannot_sign_out(patron: Patron) -> None:
    assert patron.get("/logout").status_code == 403


def test_case_24_who_has_no_token_ends_on_the_cmss_front_page(patron: Patron, library: Cms) -> None:
    patron.sign_in("else", "/login?current-path=/")
    assert patron.get("/logout?current-path=/go-logout").url == f"{library.url}/"


def test_the_ways_to_the_site_add_nothing(patron: Patron) -> None:
    assert patron.get("/go-login").headers["Location"] == (
        f"{SITE}/auth/callback/adgangsplatformen"
    )
    assert patron.get("/go-logout").headers["Location"] == f"{SITE}/"


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_w27_the_cms_leads_to_its_own_paths_only(patron: Patron, library: Cms, target: str) -> None:
    assert patron.sign_in("rikke", f"/login?current-path={target}") == f"{library.url}/"


def test_case_26_who_has_an_expired_token_is_signed_out(patron: Patron, library: Cms) -> None:
    library.trouble(token_seconds=0)
    patron.sign_in("rikke", "/login?current-path=/")
    assert "Nobody is signed in here" in patron.get("/").text


def test_graphql_answers_the_user_and_the_patron_and_no_stranger(
    patron: Patron, library: Cms
) -> None:
    url = f"{library.url}/graphql"
    assert requests.post(url, json=QUERY, timeout=60).status_code == 403
    nobody = requests.post(url, json=QUERY, auth=OURS, timeout=60).json()
    assert nobody["data"]["dplTokens"]["adgangsplatformen"]["user"] is None
    patron.sign_in()
    somebody = requests.post(url, json=QUERY, cookies=patron.cookies, timeout=60).json()
    assert somebody["data"]["dplTokens"]["adgangsplatformen"]["user"]["expire"]["timestamp"]


def test_people_switch_the_trouble_on_the_front_page(patron: Patron) -> None:
    page = patron.get("/")
    assert 'value="slow"' in page.text
    form = {"csrfmiddlewaretoken": patron.browser.cookies["cms-csrf"], "trouble": "down"}
    url = f"{patron.library.url}/trouble"
    assert patron.browser.post(url, data=form, timeout=60).status_code == 200
    assert patron.get("/go-login").status_code == 503
    assert patron.get("/").status_code == 200


def test_a_second_run_knows_who_was_signed_in(tmp_path: Path) -> None:
    library = Cms(tmp_path)
    library.start()
    patron = Patron(library)
    patron.sign_in()
    library.stop()
    library.start()
    try:
        assert "Rikke Læser" in patron.get("/").text
    finally:
        library.stop()


def test_no_cookie_of_the_cms_is_one_of_the_sites(patron: Patron) -> None:
    patron.sign_in()
    names = {cookie.name for cookie in patron.browser.cookies}
    assert not names & {"vestibule", "csrftoken", "django_language", "sandbox-csrf"}


def test_it_does_not_run_in_production(tmp_path: Path) -> None:
    """Whether granian ends with its worker, or tries again, depends on how soon that one ended."""
    own = Cms(tmp_path)
    command, env = own.command()
    env["VESTIBULE_ENV"] = "production"
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout
        said = next((line for line in process.stdout if "does not run in production" in line), "")
        answers = own.answers()
        process.terminate()
    assert said
    assert not answers


# --- Its part in the demo -------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_demo_makes_a_source_whose_addresses_follow() -> None:
    assert demo.PROVIDER in registry.providers()
    demo.furnish(8000)
    row = Source.objects.get(slug=demo.SLUG)
    assert row.settings["cms_url"] == "http://localhost:8002"
    row.label = "Mine"
    catalogue.save(row)
    demo.furnish(9000)
    row = Source.objects.get(slug=demo.SLUG)
    assert (row.label, row.settings["cms_url"]) == ("Mine", "http://localhost:9002")
    assert row.settings["patron_url"].startswith("http://localhost:9002/fbs/")


@pytest.mark.django_db
def test_the_demo_leaves_a_source_of_somebody_elses_alone(library: Cms) -> None:
    settings = {"cms_url": "https://library.example"}
    catalogue.save(Source(slug=demo.SLUG, provider=demo.PROVIDER, settings=settings))
    demo.furnish(8000)
    assert Source.objects.get(slug=demo.SLUG).settings == settings


def test_the_demo_says_where_the_cms_is() -> None:
    assert "http://localhost:8002/" in demo.banner(8000)
    assert demo.process(8000, SITE).port == 8002
