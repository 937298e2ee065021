"""What a client was told of a session is unique by its name as well, which the migration before
has seen to. The former release, which writes what is not there yet, goes on.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("authorization_server", "0006_told_by_each_name")]
    operations = [migrations.RemoveConstraint("toldsession", "told_session_once")]
