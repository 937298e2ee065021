"""Where the pages of this room find what guards them, which the pages of other rooms share."""

from portal.door.guarded import Guarded

__all__ = ["Guarded"]
