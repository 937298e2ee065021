from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("accounts", "0030_heard_of_tokens"),
    ]

    operations = [
        migrations.AddField(
            model_name="outboxitem",
            name="sid",
            field=models.CharField(blank=True, db_default="", max_length=255),
        ),
        migrations.AddField(
            model_name="outboxitem",
            name="subject",
            field=models.CharField(blank=True, db_default="", max_length=255),
        ),
    ]
