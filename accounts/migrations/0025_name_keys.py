"""The name that somebody types at a directory, as a digest, found while an address is locked out.
Its index has a migration of its own, which may be broken off and run again.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0024_issuer_of_pending_logouts")]
    operations = [
        migrations.AddField(
            model_name="identity",
            name="name_key",
            field=models.CharField(
                blank=True, db_default="", default="", editable=False, max_length=64
            ),
        ),
    ]
