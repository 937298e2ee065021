"""Indexes that another one begins with, or that no statement uses, which each row of a session and
of an event has paid for (docs/scale.md 3).
"""

from django.conf import settings
from django.db import migrations, models

from accounts.database.indexes import without

_PERSON = {"db_index": False, "null": True, "to": settings.AUTH_USER_MODEL}


def _field(model, name, field):
    return migrations.AlterField(model_name=model, name=name, field=field)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("accounts", "0021_indexes_for_many_rows")]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                _field(
                    "event",
                    "user",
                    models.ForeignKey(
                        on_delete=models.SET_NULL,
                        related_name="events",
                        verbose_name="person",
                        **_PERSON,
                    ),
                ),
                _field(
                    "event",
                    "by",
                    models.ForeignKey(
                        on_delete=models.SET_NULL,
                        related_name="acts",
                        verbose_name="operator",
                        **_PERSON,
                    ),
                ),
                _field(
                    "storedsession",
                    "user",
                    models.ForeignKey(on_delete=models.CASCADE, related_name="sessions", **_PERSON),
                ),
                _field(
                    "identity",
                    "source",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=models.PROTECT,
                        related_name="identities",
                        to="accounts.source",
                    ),
                ),
            ],
            database_operations=[
                migrations.RunPython(
                    without("accounts.Event", "user_id", "by_id", patterns=False),
                    migrations.RunPython.noop,
                ),
                migrations.RunPython(
                    without("accounts.StoredSession", "user_id", patterns=False),
                    migrations.RunPython.noop,
                ),
                migrations.RunPython(
                    without("accounts.Identity", "source_id", patterns=False),
                    migrations.RunPython.noop,
                ),
                migrations.RunPython(
                    without(
                        "accounts.StoredSession",
                        "session_key", "uid", "parent_uid", "state_digest",
                        patterns=True,
                    ),
                    migrations.RunPython.noop,
                ),
                migrations.RunPython(
                    without("accounts.Event", "support_code", "session_uid", patterns=True),
                    migrations.RunPython.noop,
                ),
            ],
        ),
    ]
