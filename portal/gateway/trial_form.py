"""The form of the rule tester."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.models.users import username_key
from portal.door import boxes
from portal.gateway import choices, rules, tester
from portal.gateway.models import AccessRule

_LONG_AGO = 5_260_000  # minutes: ten years


class TrialForm(forms.Form):
    """A request, and who makes it: nobody, a type of session with groups, or a person.

    `sees_people`: whoever tries may know what people are like.
    """

    url = forms.CharField(
        label=_("Address"), max_length=2000,
        widget=forms.TextInput(attrs={"class": "vTextField", "placeholder": "https://"}),
    )  # fmt: skip
    method = forms.CharField(label=_("Method"), max_length=30, initial="GET")
    manner = forms.ChoiceField(
        label=_("Made by"),
        choices=[
            ("page", _("a browser that goes to a page")),
            ("script", _("a script in a page")),
            ("client", _("another client, such as WebDAV's")),
        ],
    )
    type = forms.ChoiceField(label=_("Session type"), required=False)
    groups = forms.MultipleChoiceField(label=_("Groups"), required=False, widget=boxes.Boxes)
    proof = forms.IntegerField(
        label=_("Proved who they are, minutes ago"), min_value=0, max_value=_LONG_AGO,
        required=False,
    )  # fmt: skip
    strength = forms.ChoiceField(
        label=_("Strength of the sign-in"), required=False,
        choices=[("", _("not known")), *AccessRule.Strength.choices[1:]],
    )  # fmt: skip
    person = forms.CharField(
        label=_("Or as this person"), required=False, max_length=150,
        help_text=_("A username. Their own groups count."),
    )  # fmt: skip

    def __init__(self, *args: Any, sees_people: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        own: Any = self.fields
        own["type"].choices = [("", _("nobody is signed in")), *choices.of_types()]
        names = Group.objects.order_by("name").values_list("name", flat=True)
        boxes.offer(own["groups"], choices.of_groups(names))
        if not sees_people:
            del own["person"]

    def clean_method(self) -> str:
        """Return the method in capitals."""
        method: str = self.cleaned_data["method"].upper()
        if not method.replace("-", "").isalpha() or not method.isascii():
            raise ValidationError(_("%s is no method; they are written in capitals.") % method)
        return method

    def clean(self) -> None:
        """Refuse what the gateway would not read."""
        url, method = (self.cleaned_data.get(name) for name in ("url", "method"))
        if url and method and not tester.is_read(url, method):
            said = _("This address cannot be read. Type a whole one: https://host/path")
            self.add_error("url", said)

    def clean_person(self) -> User | None:
        """Return the person, or None."""
        name = self.cleaned_data["person"]
        person = User.objects.filter(username_key=username_key(name)).first() if name else None
        if name and person is None:
            raise ValidationError(_("Nobody has the username %s.") % name)
        return person

    def outcome(self) -> tester.Outcome:
        """Return what would happen, of a form that is valid."""
        given = self.cleaned_data
        proof = timedelta(minutes=given["proof"]) if given["proof"] is not None else None
        if given.get("person"):
            who = tester.known(given["person"], given["type"], proof, given["strength"])
        else:
            groups = tuple(given["groups"])
            who = tester.imagined(given["type"], groups, proof, given["strength"])
        asked = given["url"], given["method"], given["manner"]
        return tester.outcome(who, *asked, rules.compiled(), timezone.now())
