"""A client may know a session by several names (docs/contract.md 4)."""

from django.db import migrations, models

from accounts.database.indexes import AddUniqueMeanwhile


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("authorization_server", "0005_expiry_indexes")]
    operations = [
        AddUniqueMeanwhile(
            "toldsession",
            models.UniqueConstraint(fields=("session", "client", "sid"), name="told_sid_once"),
        ),
    ]
