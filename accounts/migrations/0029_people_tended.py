"""Whether staff without all rights have had a hand in how a person comes in: so far unknown."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0028_sources_sure_of_addresses")]
    operations = [
        migrations.AddField(
            model_name="user",
            name="tended",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
    ]
