from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_texts_by_language")]

    operations = [
        migrations.AddField(
            model_name="storedsession",
            name="label",
            field=models.CharField(blank=True, max_length=255, verbose_name="application"),
        ),
        migrations.AlterField(
            model_name="outboxitem",
            name="kind",
            field=models.CharField(
                choices=[
                    ("logout", "logout"),
                    ("mail", "mail"),
                    ("notice", "notice to an application"),
                ],
                default="logout",
                max_length=10,
                verbose_name="kind",
            ),
        ),
    ]
