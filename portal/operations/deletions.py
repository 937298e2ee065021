"""What the page that confirms a deletion lists: rows that people know."""

from typing import Any

from django.apps import apps
from django.contrib.admin.utils import get_deleted_objects
from django.http import HttpRequest
from django.utils.text import capfirst


def known(page: Any, objs: Any, request: HttpRequest) -> tuple[Any, dict[str, int], Any, Any]:
    """Return what Django lists, without the rows by which it ties people to groups and groups to
    rights: nobody knows them, and they have no name.
    """
    rows, counts, lacking, protected = get_deleted_objects(objs, request, page.admin_site)
    every = apps.get_models(include_auto_created=True)
    ties = [model._meta for model in every if model._meta.auto_created]
    plurals = {str(each.verbose_name_plural) for each in ties}
    begins = tuple(f"{capfirst(str(each.verbose_name))}: " for each in ties)
    left = {name: count for name, count in counts.items() if str(name) not in plurals}
    return _without(rows, begins), left, lacking, protected


def _without(rows: list[Any], begins: tuple[str, ...]) -> list[Any]:
    kept = [_without(each, begins) if isinstance(each, list) else each for each in rows]
    return [
        each for each in kept if each and not (isinstance(each, str) and each.startswith(begins))
    ]
