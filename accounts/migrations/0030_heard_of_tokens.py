"""When a source last put in writing, in an access token, what it says of somebody: so far unknown."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0029_people_tended")]
    operations = [
        migrations.AddField(
            model_name="identity",
            name="heard_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
