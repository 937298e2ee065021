"""The operators' pages of Django's admin, found by its name."""

from portal.operations.admin import awaiting, people, sessions, sources, trail

__all__ = ["awaiting", "people", "sessions", "sources", "trail"]
