"""The forms of the administration after a fault, and with long words, in Chromium."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PASSWORD
from tests.peers.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.pages]
LONG = "Donaudampfschifffahrtsgesellschaft/abteilung/sehr-lang/unterabteilung"
MAIL = "a.very.long.address.of.one.person@department-of-social-affairs.sommerby.example"
SEED = f"""
from django.contrib.auth.models import Group
from accounts.models import Source, User
User.objects.create_superuser('ada', {PASSWORD!r}, name='Ada', email='ada@example.org')
User.objects.create_user('long', email={MAIL!r}, name={" ".join([LONG] * 3)!r})
Group.objects.create(name={LONG!r})
Source.objects.filter(slug='local').update(label='Own', texts={{'da': {{'label': 'Egen'}}}})
"""
# Rows of buttons that lie on the heading, or reach beyond it.
ON_THE_HEADING = """() => {
  const heading = document.querySelector("#content h1").getBoundingClientRect();
  return [...document.querySelectorAll(".object-tools a")].filter((each) => {
    const own = each.getBoundingClientRect();
    return own.top < heading.bottom && own.bottom > heading.top;
  }).length;
}"""

# Fields whose edge has less than 3:1 to what is around them.
FAINT = """() => {
  const light = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map((each) => each / 255)
    .map((each) => each <= .04045 ? each / 12.92 : ((each + .055) / 1.055) ** 2.4)
    .reduce((sum, each, at) => sum + each * [.2126, .7152, .0722][at], 0);
  return [...document.querySelectorAll("input, select, textarea")].filter((each) => {
    if (/checkbox|radio|submit|file|hidden/.test(each.type) || !each.checkVisibility()) return 0;
    let around = each.parentElement;
    while (getComputedStyle(around).backgroundColor.endsWith(", 0)")) around = around.parentElement;
    const edge = light(getComputedStyle(each).borderBottomColor);
    const beside = light(getComputedStyle(around).backgroundColor);
    return (Math.max(edge, beside) + .05) / (Math.min(edge, beside) + .05) < 3;
  }).map((each) => each.id || each.name);
}"""
CUT_OFF = """() => [...document.querySelectorAll(".form-row, #nav-sidebar")]
  .filter((each) => each.scrollWidth > each.clientWidth).map((each) => each.className)"""
MANY = "for at in range(40): Group.objects.create(name=f'{LONG} {at}')"


@pytest.fixture(scope="module")
def house(site: Callable[..., Site]) -> Site:
    own = site()
    own.manage("shell", "--verbosity=0", stdin=SEED)
    return own


@pytest.fixture
def desk(page: Page, house: Site) -> Page:
    page.goto(f"{house.url}/login?next=/admin/")
    page.get_by_label("Username", exact=True).fill("ada")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/admin/")
    return page


def saved(desk: Page) -> None:
    desk.evaluate("for (const each of document.forms) each.noValidate = true")
    desk.locator("[name=_save]:not([aria-hidden])").click()
    expect(desk).to_have_title(re.compile("^Error: "))


def test_the_focus_is_on_the_first_field_with_a_fault(desk: Page, house: Site) -> None:
    desk.goto(f"{house.url}/admin/gateway/accessrule/add/")
    desk.locator("#id_slug").fill("papers")
    saved(desk)
    expect(desk.locator("#id_host")).to_be_focused()
    desk.goto(f"{house.url}/admin/accounts/user/add/")
    desk.locator("#id_username").fill("nora")
    saved(desk)
    expect(desk.locator("#id_email")).to_be_focused()
    desk.goto(f"{house.url}/admin/operations/maintenancenotice/add/")
    saved(desk)
    expect(desk.locator(".errorlist.nonfield")).to_be_focused()


def test_a_fault_that_is_folded_is_unfolded(desk: Page, house: Site) -> None:
    desk.goto(f"{house.url}/admin/accounts/source/add/?provider=oidc&slug=town")
    desk.get_by_label("Issuer").fill("https://id.example.org")
    desk.get_by_label("Client id").fill("portal")
    desk.locator("details summary", has_text="More settings").click()
    desk.locator("[name=set-leeway]").fill("-1")
    saved(desk)
    expect(desk.locator("[name=set-leeway]")).to_be_focused()


def test_one_button_of_a_form_is_its_own(desk: Page, house: Site) -> None:
    desk.goto(f"{house.url}/admin/auth/group/add/")
    own, *others = (
        each.evaluate("each => getComputedStyle(each).backgroundColor")
        for each in desk.locator(".submit-row input").all()
    )
    assert len(set(others)) == 1
    assert own not in others


def test_long_words_widen_no_form_and_lie_under_no_button(desk: Page, house: Site) -> None:
    desk.goto(f"{house.url}/admin/accounts/user/?q=long")
    desk.locator("#result_list tbody a").first.click()
    assert desk.evaluate(ON_THE_HEADING) == 0
    desk.set_viewport_size({"width": 360, "height": 740})
    assert desk.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    desk.goto(f"{house.url}/admin/auth/group/?q=Donau")
    desk.locator("#result_list tbody a").first.click()
    desk.wait_for_url("**/change/**")
    for path in (desk.url, f"{house.url}/admin/gateway/accessrule/try/"):
        desk.goto(path)
        assert desk.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
        rows = desk.locator(".form-row").all()
        assert not any(each.evaluate("e => e.scrollWidth > e.clientWidth") for each in rows), path


def test_the_name_of_a_role_is_not_torn_apart(desk: Page, house: Site) -> None:
    desk.context.add_cookies([{"name": "vestibule-language", "value": "de", "url": house.url}])
    desk.goto(f"{house.url}/admin/accounts/user/add/")
    for width in (1280, 360):
        desk.set_viewport_size({"width": width, "height": 740})
        roles = desk.locator("#id_roles label strong").all()
        assert len(roles) == 3
        assert all(each.evaluate("e => e.getClientRects().length === 1") for each in roles)
        assert len({each.bounding_box()["height"] for each in roles}) == 1  # type: ignore[index]


def test_both_people_are_seen_on_a_telephone_before_they_are_one(desk: Page, house: Site) -> None:
    desk.goto(f"{house.url}/admin/accounts/user/?q=ada")
    desk.locator("#result_list tbody a").first.click()
    desk.goto(f"{desk.url.replace('/person/', '/merge/')}?other=long")
    desk.set_viewport_size({"width": 360, "height": 740})
    seen = desk.get_by_role("region", name="Both people")
    assert seen.evaluate("each => each.scrollWidth - each.clientWidth") <= 0


def test_buttons_have_an_edge_where_colours_are_the_readers_own(desk: Page, house: Site) -> None:
    desk.goto(f"{house.url}/admin/accounts/user/?q=long")
    desk.locator("#result_list tbody a").first.click()
    desk.emulate_media(forced_colors="active")
    buttons = [*desk.locator("#content button").all(), *desk.locator(".object-tools a").all()]
    assert len(buttons) >= 4
    for each in buttons:
        expect(each).to_have_css("border-top-style", "solid")
        expect(each).to_have_css("border-top-width", "1px")


def test_on_a_telephone_choices_are_of_one_size_and_buttons_in_one_line(
    desk: Page, house: Site
) -> None:
    desk.context.add_cookies([{"name": "vestibule-language", "value": "de", "url": house.url}])
    desk.set_viewport_size({"width": 360, "height": 740})
    desk.goto(f"{house.url}/admin/accounts/source/add/")
    radios = [each.bounding_box() for each in desk.locator("input[type=radio]").all()]
    assert {box["width"] for box in radios if box} == {20}
    desk.goto(f"{house.url}/admin/gateway/accessrule/")
    tools = [each.bounding_box() for each in desk.locator(".object-tools a").all()]
    assert len(tools) == 2
    assert len({box["x"] for box in tools if box}) == 1, "each begins where the first does"


def test_a_field_is_seen_by_its_edge_and_is_not_cut_off_on_a_tablet(
    desk: Page, house: Site
) -> None:
    """Axe looks at neither (WCAG 2.2, 1.4.11 and 1.4.10)."""
    desk.context.add_cookies([{"name": "vestibule-language", "value": "de", "url": house.url}])
    forms = ("accounts/user/add/", "gateway/accessrule/try/", "accounts/source/add/", "auth/group/")
    wrong = []
    for path in forms:
        for width, scheme in ((768, "light"), (1060, "dark")):
            desk.set_viewport_size({"width": width, "height": 900})
            desk.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            desk.goto(f"{house.url}/admin/{path}")
            for each in desk.locator("details").all():
                each.evaluate("each => { each.open = true }")
            wrong += [(path, width, each) for each in desk.evaluate(FAINT)]
            wrong += [(path, width, each) for each in desk.evaluate(CUT_OFF)]
    assert not wrong


def test_how_a_list_is_sorted_is_told_and_taken_back_by_the_keyboard(
    desk: Page, house: Site
) -> None:
    desk.goto(f"{house.url}/admin/accounts/user/?o=-2.1")
    expect(desk.locator("[aria-sort]")).to_have_count(1)
    expect(desk.get_by_role("columnheader", name="Username")).to_have_attribute(
        "aria-sort", "descending"
    )
    for each in desk.locator(".sortoptions a").all():
        box = each.bounding_box()
        assert box
        assert min(box["width"], box["height"]) >= 24
    # Out of sight until one is there, but never out of the keyboard's reach.
    desk.locator(".sortoptions a.toggle").first.focus()
    desk.keyboard.press("Shift+Tab")
    expect(desk.locator("a.sortremove").first).to_be_focused()
    desk.keyboard.press("Enter")
    expect(desk).to_have_url(re.compile(r"o=-2$"))


def test_many_groups_are_chosen_in_two_lists_that_the_keyboard_passes(
    desk: Page, house: Site
) -> None:
    desk.goto(f"{house.url}/admin/gateway/accessrule/try/")
    boxes = desk.get_by_role("group", name="Groups")
    expect(boxes.get_by_role("checkbox")).not_to_have_count(0)
    seed = f"from django.contrib.auth.models import Group\nLONG = {LONG!r}\n{MANY}"
    house.manage("shell", "--verbosity=0", stdin=seed)
    desk.reload()
    desk.get_by_label("Address").fill("https://files.example.org/")
    stops = 0
    while not desk.get_by_label("Or as this person").evaluate("e => e === document.activeElement"):
        desk.keyboard.press("Tab")
        stops += 1
        assert stops < 20
    desk.locator("#id_groups_from").select_option(f"{LONG} 7")
    desk.get_by_role("button", name="Choose selected").click()
    desk.get_by_role("button", name="Try", exact=True).click()
    expect(desk.locator("#id_groups_to option")).to_have_text([f"{LONG} 7"])
