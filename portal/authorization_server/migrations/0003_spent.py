from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ("authorization_server", "0002_endpoints"),
    ]

    operations = [
        migrations.RenameModel(old_name="SpentAssertion", new_name="Spent"),
    ]
