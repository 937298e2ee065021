"""A new house has one way in: a username and a password."""

from typing import Any

from django.db import migrations


def open_the_local_source(apps: Any, schema_editor: Any) -> None:
    apps.get_model("accounts", "Source").objects.get_or_create(
        slug="local", defaults={"provider": "local", "order": 1000, "enroll": False}
    )


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]
    operations = [migrations.RunPython(open_the_local_source, migrations.RunPython.noop)]
