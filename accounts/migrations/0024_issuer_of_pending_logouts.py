from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0023_people_by_parts_of_names"),
    ]

    operations = [
        migrations.AddField(
            model_name="outboxitem",
            name="issuer",
            field=models.CharField(blank=True, db_default="", max_length=500),
        ),
    ]
