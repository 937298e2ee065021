"""Lists of which operators choose several, in forms of the administration."""

from typing import Any

from django import forms
from django.contrib.admin.widgets import FilteredSelectMultiple
from django.utils.html import format_html
from django.utils.safestring import SafeString

# Beyond it a keyboard would stop at each box on the way to the next field.
_MOST = 30


class Boxes(forms.CheckboxSelectMultiple):
    """Boxes to tick. To a screen reader they are a group, which `name_by` names."""

    _name, _help = "", ""

    def name_by(self, field: forms.Field) -> None:
        """Call the group what the page calls the field, with its help."""
        self._name, self._help = str(field.label), str(field.help_text)

    def render(self, *args: Any, **kwargs: Any) -> SafeString:
        """Return the boxes in their group."""
        boxes = super().render(*args, **kwargs)
        group = '<div role="group" aria-label="{}" aria-description="{}">{}</div>'
        return format_html(group, self._name, self._help, boxes)


class Lists(FilteredSelectMultiple):
    """Two lists, of what there is and what is chosen, in a place of their own beside the label."""

    def render(self, *args: Any, **kwargs: Any) -> SafeString:
        """Return the lists in their place."""
        return format_html("<div>{}</div>", super().render(*args, **kwargs))


def offer(field: Any, choices: list[tuple[str, str]]) -> None:
    """Have some of `choices` chosen in the field: by boxes, or where they are many in two lists."""
    if len(choices) > _MOST:
        field.widget = Lists(str(field.label), is_stacked=False)
    else:
        field.widget.name_by(field)
    field.choices = choices
