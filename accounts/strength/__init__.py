"""How strongly people prove who they are: `low`, `substantial` or `high` (docs/strength.md)."""

from accounts.strength.held import asked_of, has, of, site_table, told
from accounts.strength.levels import Strength, named

__all__ = ["Strength", "asked_of", "has", "named", "of", "site_table", "told"]
