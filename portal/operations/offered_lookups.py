"""What an address may ask of a page of the administration: what its own links ask, and no more.

Django takes any lookup of any column from an address. Whoever may see a list would learn of a
column that is never shown, a password's hash, digit by digit (docs/threats.md 1, I02). It fills
forms in from an address as well: whoever follows a link would save what others typed (I04).
"""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import get_fields_from_path
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import DataError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from portal.door import answers

# So many words of a search are looked for, each a condition of its own, and so many characters.
_WORDS, _LONGEST = 8, 500


class OfferedLookups(admin.ModelAdmin):  # type: ignore[type-arg]
    """A list that its own filters ask, and nobody else. The site puts it before each page, whose
    `linked_lookups` name what a link elsewhere in the administration asks.
    """

    def lookup_allowed(self, lookup: str, value: str, request: Any = None) -> bool:
        """Tell whether a filter of the list, or a link of ours, makes such a lookup."""
        linked = getattr(self, "linked_lookups", ())
        return lookup in linked or any(
            lookup in _of(self.model, path) for path in self._filtered(request)
        )

    def to_field_allowed(self, request: HttpRequest, to_field: str) -> bool:
        """Return False: no page of ours has a popup that picks a row by a column."""
        return False

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return what stands in the form of something new: nothing that an address says, but where
        the page has `first_values` of its own.
        """
        own = getattr(self, "first_values", None)
        return own(request) if own else {}

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Show the list. Who was led to the plain one is told so."""
        if ERROR_FLAG in request.GET and request.method == "GET":
            if len(request.GET) > 1:
                return answers.see_other(f"{request.path}?{ERROR_FLAG}=1")
            said = _("The list cannot be filtered in this way. Everything is shown.")
            self.message_user(request, said, messages.WARNING)
        return super().changelist_view(request, *args, **kwargs)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Return the list. Raises `IncorrectLookupParameters`, by which Django leads to the plain
        list, for values that no column can have.
        """
        try:
            return super().get_changelist_instance(request)
        except (OverflowError, ValueError, DataError) as error:
            raise IncorrectLookupParameters(str(error)) from error

    def response_action(self, request: HttpRequest, queryset: Any, *args: Any) -> Any:
        """Do what was chosen. A key that no row can have chooses nothing, which Django says."""
        if not all(_may_be(self.model, key) for key in request.POST.getlist(ACTION_CHECKBOX_NAME)):
            posted = request.POST.copy()
            posted.setlist(ACTION_CHECKBOX_NAME, [])
            request.POST = posted  # type: ignore[assignment]
        return super().response_action(request, queryset, *args)

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> Any:
        """Return what is found by the first words of the term."""
        words = search_term[:_LONGEST].replace("\0", "").split()
        return super().get_search_results(request, queryset, " ".join(words[:_WORDS]))

    def _filtered(self, request: Any) -> Iterator[str]:
        """Yield the paths of the columns by which the list can be filtered."""
        for each in self.get_list_filter(request) if request else self.list_filter:
            path = each[0] if isinstance(each, (list, tuple)) else each
            if isinstance(path, str):
                yield path


def _may_be(model: Any, key: str) -> bool:
    """Tell whether a row may have this key: asked without a database, whose refusal of a number
    that is too great would end a transaction.
    """
    field = model._meta.pk
    while field.is_relation:
        field = field.target_field
    try:
        field.run_validators(field.to_python(key))
    except ValidationError:
        return False
    return True


def _of(model: Any, path: str) -> set[str]:
    """Return the lookups that a filter by the column at `path` makes."""
    try:
        field: Any = get_fields_from_path(model, path)[-1]
    except FieldDoesNotExist:
        return set()
    if field.is_relation:
        key = field.remote_field.model._meta.pk.name
        return {f"{path}__{key}__exact", f"{path}__isnull"}
    return {path, *(f"{path}__{word}" for word in ("exact", "isnull", "gte", "lt"))}
