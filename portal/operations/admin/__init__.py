"""The operators' pages of Django's admin, found by its name."""

from portal.operations.admin import people, sessions, sources, trail

__all__ = ["people", "sessions", "sources", "trail"]
