"""A source has its label, help and note in the languages of its people."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_issuer_is_identity")]
    operations = [
        migrations.AddField(
            model_name="source",
            name="texts",
            field=models.JSONField(
                blank=True,
                default=dict,
                help_text="What people read in other languages: an object, language to label, "
                "help and note. What is missing is as above.",
                verbose_name="texts by language",
            ),
        ),
    ]
