"""What the site counts, for Prometheus: `/metrics` (docs/operations.md 2)."""
