"""The operators' pages of Django's admin, found by its name."""

from portal.operations.admin import (
    awaiting,
    departments,
    events,
    maintenance,
    people,
    records,
    sources,
)

__all__ = ["awaiting", "departments", "events", "maintenance", "people", "records", "sources"]
