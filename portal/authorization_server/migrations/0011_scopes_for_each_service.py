from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("authorization_server", "0010_acr_of_what_is_refreshed"),
    ]

    operations = [
        migrations.AddField(
            model_name="consent",
            name="scopes_at",
            field=models.JSONField(blank=True, editable=False, null=True),
        ),
    ]
