"""Lists of the administration whose price does not grow with the table (docs/scale.md 2).

A list leads to its first ten thousand rows, and counts no further. Beyond them it has the one order
that an index keeps. What is typed into its search is looked up by what it is: an id, or people.
"""

import re
from collections.abc import Callable
from functools import reduce
from operator import or_
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.filters import (
    AllValuesFieldListFilter,
    BooleanFieldListFilter,
    FieldListFilter,
)
from django.contrib.admin.views.main import ORDER_VAR, ChangeList
from django.core.paginator import Paginator
from django.db import connection
from django.db.models import BooleanField, F, Func, Q, QuerySet, TextField
from django.db.models.lookups import IContains
from django.http import HttpRequest, HttpResponse
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import Identity, Source, User
from accounts.source import registry

# So many rows a list leads to, and so many people a search means at most.
MOST = 10_000
MOST_PEOPLE = 200
_WORDS = 4
# As the index has it (accounts/migrations/0027_people_by_one_text.py): a word, which has no blank,
# is in this text if it is in one of the three.
_NAMES = Func(
    "username",
    "name",
    "email",
    template="(%(expressions)s)",
    arg_joiner=" || ' ' || ",
    output_field=TextField(),
)
_ID = re.compile(r"[0-9a-f]{6,32}")
# What an address breaks before that is longer than so many letters.
_SIGNS, _NARROW = re.compile(r"(?=[@.])"), 20


class FirstRows(Paginator):  # type: ignore[type-arg]
    """Pages of the first rows. `is_cut` tells that there are more."""

    @cached_property
    def _found(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: MOST + 1].count())

    @property
    def count(self) -> int:
        """Return how many rows the pages have, `MOST` at most."""
        return min(self._found, MOST)

    @property
    def is_cut(self) -> bool:
        """Tell whether there are more rows than the pages have."""
        return self._found > MOST


class _ChangeList(ChangeList):
    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """Return the rows; in the order that was asked for while there are few."""
        rows = super().get_queryset(request, exclude_parameters)
        if self.params.get(ORDER_VAR) and FirstRows(rows, 1).is_cut:
            del self.params[ORDER_VAR]
            rows = super().get_queryset(request, exclude_parameters)
        return rows

    def _get_deterministic_ordering(self, ordering: Any) -> Any:
        settled = super()._get_deterministic_ordering(ordering)  # type: ignore[misc]
        return settled if getattr(self.model_admin, "settles_ties", True) else ordering


class BoundedList(admin.ModelAdmin):  # type: ignore[type-arg]
    """A list of the first rows of a table. `settles_ties`: rows that are equal in its order are
    sorted by their key as well.
    """

    settles_ties = True

    paginator = FirstRows
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that sorts only what an index or their number permits."""
        return _ChangeList

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any
    ) -> HttpResponse | None:
        """Do an action. All rows are those that the list leads to: so many the page has offered."""
        across = forms.BooleanField(required=False).to_python(request.POST.get("select_across"))
        if across and FirstRows(queryset, 1).is_cut:
            queryset = queryset.filter(pk__in=list(queryset.values_list("pk", flat=True)[:MOST]))
        return super().response_action(request, queryset, *args)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Return what `found` finds; all rows without a term."""
        term = search_term.strip().replace("\0", "")
        return (self.found(queryset, term, request) if term else queryset), False

    def found(self, rows: QuerySet[Any], term: str, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows of the people whom `term` may mean."""
        return rows.filter(user_id__in=persons(term, request))


class _Known(AllValuesFieldListFilter):
    """Offers what is known, and asks the table for nothing."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.lookup_choices: Any = self.known()

    def known(self) -> list[str]:
        """Return what is offered."""
        raise NotImplementedError


def column(field: str, title: Any) -> Callable[[Any], Any]:
    """Return a column that shows a field under a `title` of its own: what the field is called by
    its model is no word for people.
    """

    @admin.display(description=title, ordering=field)
    def shown(row: Any) -> Any:
        return getattr(row, field) or None

    shown.__name__ = field
    return shown


@admin.display(description=_("E-mail"), ordering="email")
def shown_email(person: User) -> str:
    """Return the address, marked where nobody has verified it: staff decide by it. A long one
    breaks at its own signs.
    """
    if not person.email:
        return "-"
    mark = "" if person.email_verified else f" {gettext('(not verified)')}"
    if len(person.email) <= _NARROW:
        return f"{person.email}{mark}"
    parts = ((each,) for each in _SIGNS.split(person.email))
    return format_html("{}{}", format_html_join(SafeString("<wbr>"), "{}", parts), mark)


def titled(title: Any, kind: Any = BooleanFieldListFilter) -> type[FieldListFilter]:
    """Return a filter, of yes and no or of another kind, that has another title than the column's
    name.
    """

    class Titled(kind):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.title = title

    return Titled


class SourceFilter(_Known):
    """Filters by a source's slug."""

    def known(self) -> list[str]:
        """Return the slugs of all sources."""
        return list(Source.objects.order_by("slug").values_list("slug", flat=True))


class TypeFilter(_Known):
    """Filters by the type of a session."""

    def known(self) -> list[str]:
        """Return the types that providers declare."""
        return sorted(registry.session_types())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        """Return the rows of a type, which are found by the sources that make it."""
        rows: QuerySet[Any] | None = super().queryset(request, queryset)
        makers = {name for name, each in registry.providers().items() if self._makes(each)}
        if rows is None or not self.lookup_val or not makers:
            return rows
        slugs = Source.objects.filter(provider__in=makers).values_list("slug", flat=True)
        return rows.filter(source__in=list(slugs))

    def _makes(self, provider: Any) -> bool:
        return provider.session_type in (self.lookup_val or ())


class WordFilter(_Known):
    """Filters by one of `words`, which a subclass names, and shows it as people read it. `usual` is
    a word that most rows have, which their index leaves out.
    """

    words: Any = {}
    usual: str | None = None

    def known(self) -> list[str]:
        """Return the words."""
        return list(self.words)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        """Return the rows with the word; SQLite takes an index of some rows for its very words."""
        rows: QuerySet[Any] | None = super().queryset(request, queryset)
        if rows is None or self.usual is None or self.usual in (self.lookup_val or [self.usual]):
            return rows
        unlike = f"NOT (%(expressions)s = '{self.usual}')"
        return rows.filter(Func(F(self.field_path), template=unlike, output_field=BooleanField()))

    def choices(self, changelist: Any) -> Any:
        """Yield the choices in words."""
        for choice in super().choices(changelist):
            shown = str(choice["display"])
            yield {**choice, "display": self.words.get(shown, shown)}


def is_id(term: str) -> bool:
    """Tell whether `term` may be the beginning of an id of ours, or all of it."""
    return _ID.fullmatch(term.lower()) is not None


def beginning(column: str, term: str) -> Q:
    """Return the condition that the id in `column` begins with `term`, in a form for which each
    database has an index: no digit of an id is as great as a `g`.
    """
    low = term.lower()
    return Q(**{f"{column}__gte": low, f"{column}__lt": f"{low}g"})


def persons(term: str, request: HttpRequest) -> list[int]:
    """Return the primary keys of the people whom `term` may mean, `MOST_PEOPLE` at most.

    Who may not open the list of people finds them by what the other lists show, and by no address;
    who may not see ways in by no subject, which may be a citizen's number.
    """
    condition = named(
        term,
        shown_only=not _may_see_people(request.user),
        by_subject=may_see_ways_in(request.user),
    )
    rows = User.objects.filter(condition).order_by()
    return list(rows.values_list("pk", flat=True)[:MOST_PEOPLE])


def _may_see_people(user: Any) -> bool:
    return any(user.has_perm(f"accounts.{verb}_user") for verb in ("view", "change"))


def may_see_ways_in(user: Any) -> bool:
    """Tell whether somebody may see by which subjects people are known."""
    return any(user.has_perm(f"accounts.{verb}_identity") for verb in ("view", "delete"))


def meant(term: str, request: HttpRequest) -> list[int] | QuerySet[User, Any]:
    """Return the primary keys of the people whom `term` may mean to somebody who may see people,
    looked up when there are `MOST_PEOPLE` of them or fewer; else the query for the first `MOST` and
    one more.
    """
    condition = named(term, by_subject=may_see_ways_in(request.user))
    rows = User.objects.filter(condition).order_by().values_list("pk", flat=True)
    few = list(rows[: MOST_PEOPLE + 1])
    return few if len(few) <= MOST_PEOPLE else rows[: MOST + 1]


def named(term: str, *, shown_only: bool = False, by_subject: bool = True) -> Q:
    """Return the condition that a person is meant by `term`: by parts of username, name and e-mail
    address, each word in one of them, by their id, or by the subject by which a source knows them.
    With `shown_only` the three are the name alone, or the username of who has none; the last counts
    `by_subject`.
    """
    exact = [*User.objects.filter(uid=term.lower()).values_list("pk", flat=True)]
    if by_subject:
        exact += with_subject(term).values_list("user_id", flat=True)[:MOST_PEOPLE]
    said = Q()
    for word in term.split()[:_WORDS]:
        cases = _in_each_case(word)
        said &= reduce(or_, (Q(IContains(_NAMES, each)) for each in cases))
        if shown_only:
            said &= reduce(
                or_,
                (Q(name__icontains=each) | Q(name="", username__icontains=each) for each in cases),
            )
    return Q(pk__in=exact) | said if exact else said


def _in_each_case(word: str) -> set[str]:
    """Return the spellings by which a word is looked up: SQLite knows small and capital letters of
    ASCII alone, so that *øster* would not find *Øster*.
    """
    if word.isascii() or connection.vendor != "sqlite":
        return {word}
    return {word, word.lower(), word.upper(), word.title()}


def with_subject(term: str) -> QuerySet[Identity]:
    """Return the ways in with this subject, in any case."""
    return Identity.objects.filter(subject__in={term, term.lower(), term.upper()})
