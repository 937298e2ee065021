from typing import Any

from django.db import migrations, models


def doubt(apps: Any, schema_editor: Any) -> None:
    """Take the addresses of people whom only other sources know for unverified, until they say."""
    people = apps.get_model("accounts", "User").objects.exclude(email="")
    people.exclude(identities__source__slug="local").update(email_verified=False)


class Migration(migrations.Migration):
    """Whether a person's mail address is verified."""

    dependencies = [("accounts", "0005_outbox_carries_mails")]
    operations = [
        migrations.AddField(
            model_name="user",
            name="email_verified",
            field=models.BooleanField(default=True, verbose_name="e-mail verified"),
        ),
        migrations.RunPython(doubt, migrations.RunPython.noop),
    ]
