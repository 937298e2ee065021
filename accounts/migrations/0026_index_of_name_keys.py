"""The index of `name_key`, which is there already where 0025 has made it."""

from django.db import migrations, models
from django.db.models import Q

from accounts.database.indexes import AddIndexMeanwhile


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("accounts", "0025_name_keys")]
    operations = [
        AddIndexMeanwhile(
            "identity",
            models.Index(
                fields=["name_key"], name="identity_name_key", condition=~Q(name_key="")
            ),
        ),
    ]
