"""Whether a source's word that an address is verified counts: so far it did of each."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0027_people_by_one_text")]
    operations = [
        migrations.AddField(
            model_name="source",
            name="verifies_mail",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="An address that it calls verified counts as verified here as well.",
                verbose_name="is sure of addresses",
            ),
        ),
    ]
