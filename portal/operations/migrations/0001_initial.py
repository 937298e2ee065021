from django.db import migrations


class Migration(migrations.Migration):
    initial = True

    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="AwaitingPerson",
            fields=[],
            options={
                "verbose_name": "person who awaits access",
                "verbose_name_plural": "awaiting access",
                "proxy": True,
                "default_permissions": ("view", "change"),
                "indexes": [],
                "constraints": [],
            },
            bases=("accounts.user",),
        ),
    ]
