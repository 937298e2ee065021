"""What is under way in this thread: its steps, and who acts. Events are written from it."""

from accounts.trail.acts import Act, acting, current
from accounts.trail.steps import HERE, PERSON, Step, note, plain, taken, walk

__all__ = ["HERE", "PERSON", "Act", "Step", "acting", "current", "note", "plain", "taken", "walk"]
