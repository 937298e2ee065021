"""The operators' pages of Django's admin, found by its name."""

from portal.operations.admin import awaiting, events, maintenance, people, records, sources

__all__ = ["awaiting", "events", "maintenance", "people", "records", "sources"]
