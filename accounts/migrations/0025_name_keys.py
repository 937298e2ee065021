"""The name that somebody types at a directory, as a digest, found while an address is locked out."""

from django.db import migrations, models
from django.db.models import Q

from accounts.database.indexes import AddIndexMeanwhile


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("accounts", "0024_issuer_of_pending_logouts")]
    operations = [
        migrations.AddField(
            model_name="identity",
            name="name_key",
            field=models.CharField(
                blank=True, db_default="", default="", editable=False, max_length=64
            ),
        ),
        AddIndexMeanwhile(
            "identity",
            models.Index(
                fields=["name_key"], name="identity_name_key", condition=~Q(name_key="")
            ),
        ),
    ]
