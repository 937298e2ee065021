"""axe on each page of the administration, in both schemes: no violation of WCAG 2.2 AA."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.peers.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.pages]

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RULES = {
    "runOnly": {"type": "tag", "values": TAGS},
    "resultTypes": ["violations"],
}
# The other scheme has other colours, and nothing else.
COLOURS = {**RULES, "runOnly": {"type": "rule", "values": ["color-contrast"]}}
SCHEMES: dict[Any, dict[str, Any]] = {"light": RULES, "dark": COLOURS}
SEED = """
from django.contrib.auth.models import Group
from accounts import events
from accounts.models import Source, User
from accounts.trail import HERE, PERSON, Step, note, walk
User.objects.create_superuser('ada', 'a-password-of-ada', name='Ada', email='ada@example.org')
eve = User.objects.create_user('eve', 'x', name='Eve', status='awaiting_access')
eve.give_local_identity()
Group.objects.create(name='Registry')
Source.objects.create(slug='town', provider='oidc', enabled=False)
with walk():
    note(Step(PERSON, HERE, 'chose'))
    note(Step(HERE, 'source:town', 'call', 'POST https://town.example/token 500', 85, True))
    for node in ('UserClicksLogout', 'RedirectToLogoutEndpoint', 'SessionExist', 'CheckType'):
        note(Step(HERE, HERE, 'chart', node))
    events.record(events.event('login.failed', reason='temporarily-unavailable', source='town'),
                  events.event('logout', source='town', user=eve))
"""
# Each kind of page of each model: the list, the form to add, one row, its deletion, its history.
KINDS = ("", "add/", "{pk}/change/", "{pk}/delete/", "{pk}/history/")
# The first source is `local`, which nobody deletes; the first person is who looks.
MORE = ("/admin/accounts/source/2/delete/", "/admin/accounts/user/2/second-factor/")
# Pages with a fault: what is typed comes in the address, or is sent by the button.
FAULTS = {
    "/admin/accounts/source/add/?provider=oidc&slug=%C3%86r%C3%B8+by!": "",
    "/admin/accounts/user/1/merge/?other=nobody": "",
    MORE[1]: "Go on",
}
ROWS = """
import json
from django.contrib import admin
print(json.dumps([[m._meta.app_label, m._meta.model_name,
    next((str(r.pk) for r in m._default_manager.all()[:1]), '')] for m in admin.site._registry]))
"""


@pytest.fixture(scope="module")
def house(site: Callable[..., Site]) -> Site:
    own = site({"VESTIBULE_COLOUR": "#7a1f3d", "VESTIBULE_NAME": "Sommerby Bibliotek"})
    own.manage("shell", "--verbosity=0", stdin=SEED)
    return own


@pytest.fixture(scope="module")
def places(house: Site) -> list[str]:
    """Return the address of each page that there is."""
    import json

    found = ["/admin/"]
    for app, model, pk in json.loads(house.manage("shell", "--verbosity=0", stdin=ROWS)):
        kinds = [kind for kind in KINDS if pk or "{pk}" not in kind]
        found += [f"/admin/{app}/{model}/{kind.format(pk=pk)}" for kind in kinds]
        if model == "user":
            own = ("invite/", f"{pk}/person/", f"{pk}/merge/", f"{pk}/merge/?other=eve")
            found.append(f"/admin/{app}/{model}/{pk}/second-factor/")
            found += [f"/admin/{app}/{model}/{page}" for page in own]
    kinds = [f"/admin/accounts/source/add/?provider={kind}&slug=town" for kind in
             ("oidc", "ldap", "unilogin", "adgangsplatformen")]  # fmt: skip
    return [
        *found,
        *kinds,
        "/admin/accounts/source/1/change/?json=1",
    ]


@pytest.fixture
def desk(chromium: Browser, house: Site) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, locale="en")
    page = context.new_page()
    page.goto(f"{house.url}/login?next=/admin/")
    page.get_by_label("Username", exact=True).fill("ada")
    page.get_by_label("Password", exact=True).fill("a-password-of-ada")
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/admin/")
    yield page
    context.close()


def test_no_page_of_the_administration_has_a_violation(
    desk: Page, house: Site, places: list[str]
) -> None:
    wrong: list[str] = []
    for place in [*places, *MORE]:
        answer = desk.goto(house.url + place)
        assert answer is not None
        if answer.status != 200 and place not in MORE:
            continue  # a page that nobody has, such as adding an event
        assert answer.status == 200, place
        wrong += _wrong(desk, place)
    for place, button in FAULTS.items():
        desk.goto(house.url + place)
        if button:
            desk.get_by_label("Why?").fill("  ")
            desk.get_by_role("button", name=button).click()
        expect(desk).to_have_title(re.compile("^Error: "))
        expect(desk.get_by_role("alert")).to_be_focused()
        wrong += _wrong(desk, place)
    assert not wrong, "\n".join(wrong)
    assert len(places) > 20


def _wrong(desk: Page, place: str) -> list[str]:
    wider = desk.evaluate("document.documentElement.scrollWidth - innerWidth")
    wrong = [f"{wider} px too wide"] if wider > 0 else []
    return [f"{place}: {each}" for each in [*wrong, *violations(desk)]]


def violations(page: Page) -> Iterator[str]:
    """Yield what axe finds wrong with a page in the light, and with its colours in the dark."""
    for scheme, rules in SCHEMES.items():
        page.emulate_media(color_scheme=scheme)
        page.evaluate("document.getAnimations().forEach((each) => each.finish())")
        for found in Axe().run(page, options=rules).response["violations"]:
            yield f"{scheme}: {found['id']} {found['nodes'][0]['html'][:160]}"
    page.emulate_media(color_scheme="light")
