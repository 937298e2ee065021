"""An identity is (source, issuer, subject); a source signs in administrators where it is marked."""

from typing import Any

from django.db import migrations, models


def mark_the_local_source(apps: Any, schema_editor: Any) -> None:
    apps.get_model("accounts", "Source").objects.filter(slug="local").update(staff=True)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_email_verified")]
    operations = [
        migrations.RemoveConstraint(model_name="identity", name="identity_source_subject"),
        migrations.AddConstraint(
            model_name="identity",
            constraint=models.UniqueConstraint(
                fields=("source", "issuer", "subject"), name="identity_source_issuer_subject"
            ),
        ),
        migrations.AddField(
            model_name="source",
            name="staff",
            field=models.BooleanField(
                default=False,
                help_text="Without it, people who come this way have no administrator's rights.",
                verbose_name="signs in administrators",
            ),
        ),
        migrations.RunPython(mark_the_local_source, migrations.RunPython.noop),
    ]
