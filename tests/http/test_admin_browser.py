"""The admin's pages in Chromium: they work under the site's policy, which forbids inline code."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.peers.site import Site

pytestmark = [pytest.mark.browser, pytest.mark.pages]

PAGES = (
    "", "accounts/source/", "accounts/source/add/", "accounts/user/", "accounts/user/add/",
    "accounts/storedsession/", "accounts/event/", "accounts/outboxitem/", "accounts/identity/",
    "auth/group/add/",
)  # fmt: skip
# Lists with what others name: subjects, ids, people.
LONG = (
    "accounts/user", "accounts/identity", "accounts/storedsession", "accounts/event",
    "authorization_server/client",
)  # fmt: skip
SEED = """
from accounts.models import Source, User
from portal.authorization_server.models import Client
word = 'Donaudampfschifffahrtsgesellschaft'
ada = User.objects.create_superuser('ada', 'a-password-of-ada', name=f'Ada {word}',
                                    email=f'ada@{word.lower()}.example')
ada.identities.create(source=Source.objects.get(), subject='person:' + 'b4e7' * 16)
Client.objects.create(client_id='7f0c' * 16, name=f'{word} {word}')
for name in ('bertil', 'dora'):
    User.objects.create_user(name).give_local_identity()
"""
LONG_ONES = """
from django.contrib.auth.models import Group
from accounts.events import event, record
from accounts.models import User
word = 'Donaudampfschifffahrtsgesellschaft'
user = User.objects.create_user('maria', name=f'{word}{word} {word}', email=
    'maria.magdalena.kristensdatter@borgerservice.sommerby.dk')
user.groups.add(Group.objects.create(name=word * 3))
record(event('person.changed', user=user, actor='person'))
print(user.pk)
"""
# The lines of what an element shows, without blanks at their ends.
LINES = """element => {
  const lines = new Map();
  const walk = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode;
    for (let at = 0; at < node.length; at++) {
      const range = document.createRange();
      range.setStart(node, at); range.setEnd(node, at + 1);
      const top = Math.round(range.getBoundingClientRect().top);
      lines.set(top, (lines.get(top) ?? "") + node.data[at]);
    }
  }
  return [...lines.values()].map(line => line.trim()).filter(line => line);
}"""
# What a colleague does meanwhile.
DISABLED = """
from accounts.models import User
User.objects.filter(username='bertil').update(status='disabled')
"""
ADDED = "from accounts.models import User; User.objects.create_user('carl').give_local_identity()"


@pytest.fixture(scope="module")
def house(site: Callable[..., Site]) -> Site:
    own = site()
    own.manage("shell", "--verbosity=0", stdin=SEED)
    return own


@pytest.fixture
def admin(house: Site, page: Page) -> Page:
    page.goto(f"{house.url}/admin/")
    page.get_by_role("textbox", name="Username").fill("ada")
    page.get_by_label("Password", exact=True).fill("a-password-of-ada")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Administration")).to_be_visible()
    return page


def test_every_page_opens_without_a_complaint(admin: Page, house: Site) -> None:
    for path in PAGES:
        answer = admin.goto(f"{house.url}/admin/{path}")
        assert answer is not None
        assert answer.status == 200, path


def test_the_list_of_pages_breaks_no_word(admin: Page, house: Site) -> None:
    admin.context.add_cookies([{"name": "vestibule-language", "value": "de", "url": house.url}])
    admin.goto(f"{house.url}/admin/accounts/user/")
    links = admin.locator("#nav-sidebar th a")
    expect(links.filter(has_text="Autorisierungscodes")).to_be_visible()
    for link in links.all():
        lines = link.bounding_box()["height"] / 24  # type: ignore[index]
        assert round(lines) <= len(link.inner_text().split()), link.inner_text()


def test_no_page_is_without_its_words_and_its_keys(admin: Page, house: Site) -> None:
    """In German: the search has a name, its link is seen without colours, the example scrolls."""
    admin.context.add_cookies([{"name": "vestibule-language", "value": "de", "url": house.url}])
    admin.goto(f"{house.url}/admin/accounts/user/?q=ada")
    expect(admin.get_by_role("textbox", name="Suchen")).to_have_value("ada")
    every = admin.get_by_role("link", name="Alle anzeigen")
    expect(every).to_have_css("text-decoration-line", "underline")
    admin.goto(f"{house.url}/admin/accounts/user/invite/")
    example = admin.get_by_role("region", name="Beispiel")
    example.focus()
    expect(example).to_be_focused()


@pytest.mark.parametrize(
    ("language", "place", "width"), [("de", "user", 1280), ("da", "event", 360)]
)
def test_no_list_is_wider_than_the_screen(
    admin: Page, house: Site, language: str, place: str, width: int
) -> None:
    """In a language with long words, and while one of its filters is open."""
    admin.context.add_cookies([{"name": "vestibule-language", "value": language, "url": house.url}])
    admin.set_viewport_size({"width": width, "height": 800})
    admin.goto(f"{house.url}/admin/accounts/{place}/")
    picks = admin.locator("details.pick > summary").all()
    assert len(picks) > 3
    for pick in picks:
        pick.click()
        wider = admin.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wider <= 0, pick.inner_text()
        pick.click()


def test_no_list_is_cut_off_by_long_words(admin: Page, house: Site) -> None:
    """Its table has a bar of its own, which a screen of 1280 pixels does not need."""
    admin.context.add_cookies([{"name": "vestibule-language", "value": "de", "url": house.url}])
    wider = {}
    for place in LONG:
        admin.goto(f"{house.url}/admin/{place}/")
        wider[place] = admin.locator("#changelist .results").evaluate(
            "results => results.scrollWidth - results.clientWidth"
        )
    assert wider == dict.fromkeys(LONG, 0)


def test_long_names_and_addresses_break_where_people_would(admin: Page, house: Site) -> None:
    shown = house.manage("shell", "--verbosity=0", stdin=LONG_ONES)
    place = f"{house.url}/admin/accounts/user/{shown.strip().splitlines()[-1]}/person/"
    for width in (360, 1280):
        admin.set_viewport_size({"width": width, "height": 800})
        admin.goto(place)
        assert admin.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    admin.goto(f"{house.url}/admin/accounts/user/?q=maria")
    lines = admin.locator("#result_list .field-shown_email").evaluate(LINES)
    assert lines[0] == "maria.magdalena"
    assert all(line[0] in "@.(" for line in lines[1:] if line != "verified)"), lines
    admin.goto(f"{house.url}/admin/accounts/event/?q=maria")
    lines = admin.locator("#result_list .field-done_by").evaluate(LINES)
    assert " ".join(lines) in {"the person", "an administrator"}


def test_rights_are_chosen_in_two_lists(admin: Page, house: Site) -> None:
    admin.goto(f"{house.url}/admin/auth/group/add/")
    expect(admin.locator("select#id_permissions_from")).to_be_visible()
    expect(admin.locator("select#id_permissions_to")).to_be_visible()
    admin.goto(f"{house.url}/admin/accounts/user/add/")
    expect(admin.locator("select#id_groups_from")).to_be_visible()
    expect(admin.get_by_role("checkbox", name="Front desk")).to_be_visible()
    expect(admin.locator("select#id_user_permissions_from")).to_be_hidden()


def test_a_source_is_made_and_tested(admin: Page, house: Site) -> None:
    admin.goto(f"{house.url}/admin/accounts/source/")
    admin.locator("#result_list").get_by_role("link", name="local").click()
    admin.get_by_role("button", name="Test now").click()
    expect(admin.get_by_text("An administrator can sign in with a password.")).to_be_visible()


def test_the_first_field_of_a_new_source_has_the_focus(admin: Page, house: Site) -> None:
    """At first and after *Fill in*; after Enter, which saves, the first one with a fault."""
    admin.goto(f"{house.url}/admin/accounts/source/add/?provider=oidc&slug=town")
    expect(admin.locator("#id_slug")).to_be_focused()
    admin.get_by_role("button", name="Fill in the rest from the provider").click()
    expect(admin.get_by_text("Nothing was filled in")).to_be_visible()
    expect(admin.locator("#id_slug")).to_be_focused()
    admin.keyboard.press("Enter")
    expect(admin.get_by_text("Please correct the error")).to_be_visible()
    expect(admin.locator("#id_set-issuer")).to_be_focused()


def test_an_address_to_register_is_copied_and_that_is_told(admin: Page, house: Site) -> None:
    admin.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=house.url)
    admin.goto(f"{house.url}/admin/accounts/source/add/?provider=oidc&slug=town")
    addresses = admin.get_by_role("region", name="Register these at the provider")
    addresses.get_by_role("button", name="Copy: Redirect URI", exact=True).click()
    expect(addresses.get_by_role("status").first).to_have_text("Copied")
    assert admin.evaluate("navigator.clipboard.readText()") == f"{house.url}/auth/callback/town"


def test_a_file_is_had_twice_at_once(admin: Page, house: Site) -> None:
    """It leaves the page where it is: what keeps a form from being sent twice lets it through."""
    admin.goto(f"{house.url}/admin/accounts/event/")
    admin.locator("input.action-select").first.check()
    admin.get_by_label("Action:").select_option("export")
    for _time in range(2):
        with admin.expect_download() as told:
            admin.get_by_role("button", name="Run").or_(
                admin.get_by_role("button", name="Go")
            ).click()
        assert told.value.suggested_filename == "events.jsonl"


def test_who_goes_back_to_a_form_gives_nothing_back(admin: Page, house: Site) -> None:
    """A browser puts back what the form held, while the page says of itself that it is new."""
    admin.goto(f"{house.url}/admin/accounts/user/")
    admin.get_by_role("link", name="bertil").last.click()
    admin.locator("input[name=name]").fill("Bertil")
    admin.get_by_role("button", name="Save", exact=True).click()
    expect(admin.get_by_text("was changed successfully")).to_be_visible()
    house.manage("shell", "--verbosity=0", stdin=DISABLED)
    admin.go_back()
    expect(admin.locator("input[name=name]")).to_have_value("Bertil")
    expect(admin.locator("select[name=status]")).to_have_value("disabled")
    admin.get_by_role("button", name="Save", exact=True).click()
    row = admin.get_by_role("row").filter(has_text="Bertil")
    expect(row).to_contain_text("disabled")


def test_who_goes_back_to_an_answer_sends_nothing_again(admin: Page, house: Site) -> None:
    """To a test, and to a fault that was put right: else the browser shows a page of its own."""
    admin.goto(f"{house.url}/admin/accounts/source/")
    admin.locator("#result_list").get_by_role("link", name="local").click()
    admin.get_by_role("button", name="Test now").click()
    expect(admin.get_by_text("An administrator can sign in with a password.")).to_be_visible()
    admin.goto(f"{house.url}/admin/accounts/user/add/")
    admin.locator("input[name=username]").fill("ada")
    admin.get_by_role("button", name="Save", exact=True).click()
    expect(admin.get_by_text("Somebody has this name")).to_be_visible()
    admin.locator("input[name=username]").fill("egon")
    admin.get_by_label("Send a link").uncheck()
    admin.get_by_role("button", name="Save", exact=True).click()
    expect(admin.get_by_text("was added successfully")).to_be_visible()
    admin.go_back()
    expect(admin.locator("input[name=username]")).to_be_visible()
    admin.go_back()
    admin.go_back()
    expect(admin.get_by_role("button", name="Test now")).to_be_visible()


def test_who_goes_back_to_a_list_has_nobody_else_ticked(admin: Page, house: Site) -> None:
    """A browser counts the boxes, and rows have moved."""
    admin.goto(f"{house.url}/admin/accounts/user/")
    row = admin.get_by_role("row").filter(has_text="dora")
    row.get_by_role("checkbox").check()
    row.get_by_role("link").first.click()
    expect(admin.get_by_role("heading", name="dora")).to_be_visible()
    house.manage("shell", "--verbosity=0", stdin=ADDED)
    admin.go_back()
    expect(admin.get_by_role("row").filter(has_text="carl")).to_be_visible()
    ticked = admin.locator("input.action-select:checked")
    expect(ticked).to_have_count(0)


def test_a_session_is_ended_from_the_list(admin: Page, house: Site) -> None:
    admin.goto(f"{house.url}/admin/accounts/storedsession/")
    for box in admin.locator("input.action-select").all():
        box.check()
    admin.get_by_label("Action:").select_option("end_sessions")
    admin.get_by_role("button", name="Run").or_(admin.get_by_role("button", name="Go")).click()
    admin.goto(f"{house.url}/admin/")
    expect(admin.get_by_role("textbox", name="Username")).to_be_visible()


def test_leaving_the_admin_leads_out(admin: Page) -> None:
    admin.get_by_role("button", name="Log out").click()
    expect(admin.get_by_role("link", name="Sign in").first).to_be_visible()


def test_a_long_name_breaks_no_day_and_no_hour(admin: Page, house: Site) -> None:
    tall = "from accounts.models import User; User.objects.create_user('ж' * 150, name='Ж' * 300)"
    house.manage("shell", "--verbosity=0", stdin=tall)
    admin.set_viewport_size({"width": 1280, "height": 800})
    admin.goto(f"{house.url}/admin/accounts/user/")
    since = admin.locator("#result_list .field-since").first
    lines = since.evaluate(
        "each => { const range = document.createRange(); range.selectNodeContents(each);"
        " return new Set([...range.getClientRects()].map(box => box.top)).size }"
    )
    assert lines <= 3, since.inner_text()
