"""The doctor: what is wrong with this installation, and what to do about it (docs/operations.md 3).

Each module here holds one subject: a function `findings` that takes the examination and yields what
it has found. A room above or beside adds its own by the attribute `examines` of its AppConfig,
and what it makes of sources by `examines_sources`.
"""
