"""The operators' pages of Django's admin, found by its name."""

from portal.operations.admin import awaiting, people, records, sources

__all__ = ["awaiting", "people", "records", "sources"]
