"""The operators' pages of Django's admin, found by its name."""

from portal.operations.admin import awaiting, events, people, records, sources

__all__ = ["awaiting", "events", "people", "records", "sources"]
