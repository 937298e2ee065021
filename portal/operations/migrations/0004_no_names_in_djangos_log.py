"""Django's log of the administration kept the names of people who were deleted since. Nothing reads
it any more. Its rows go in short statements, so that a former worker that adds one does not wait.
"""

from django.db import migrations

BATCH = 1000


def empty(apps, schema_editor):
    """Delete each row, so many in a statement."""
    lines = apps.get_model("admin", "LogEntry").objects.using(schema_editor.connection.alias)
    while batch := list(lines.values_list("pk", flat=True)[:BATCH]):
        lines.filter(pk__in=batch).delete()


class Migration(migrations.Migration):
    atomic = False
    dependencies = [
        ("operations", "0003_maintenance_and_alarms"),
        ("admin", "0003_logentry_add_action_flag_choices"),
    ]
    operations = [migrations.RunPython(empty, migrations.RunPython.noop)]
