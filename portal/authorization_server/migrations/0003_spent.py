from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ("authorization_server", "0002_endpoints"),
    ]

    # The table keeps its name: the release before goes on using it while workers are replaced.
    operations = [
        migrations.AlterModelTable("spentassertion", "authorization_server_spentassertion"),
        migrations.RenameModel(old_name="SpentAssertion", new_name="Spent"),
    ]
