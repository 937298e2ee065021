"""Filters of the operators' templates."""
