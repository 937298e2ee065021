"""An alarm stays until its end was told (docs/operations.md 6)."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("operations", "0004_no_names_in_djangos_log")]
    operations = [
        migrations.AddField("alarm", "seen_at", models.DateTimeField(null=True)),
        migrations.AddField(
            "alarm", "over", models.CharField(db_default="", default="", max_length=8)
        ),
        migrations.AddField("alarm", "telling_until", models.DateTimeField(null=True)),
    ]
