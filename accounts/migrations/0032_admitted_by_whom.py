"""Up to 0.2 the event of somebody who was let in named the operator in words, `by ada`. The operator
stands in the column `by` now, which goes with them. Events are few in a statement, and one that was
changed is not found again: the migration may be broken off and run again.
"""

from django.db import migrations

BATCH = 500


def point(apps, schema_editor):
    """Have these events point to the operator, where there is one of that name still."""
    alias = schema_editor.connection.alias
    people = apps.get_model("accounts", "User").objects.using(alias)
    events = apps.get_model("accounts", "Event").objects.using(alias)
    named = events.filter(name="person.admitted", detail__startswith="by ").order_by("pk")
    while batch := list(named[:BATCH]):
        names = [each.detail.removeprefix("by ") for each in batch]
        known = dict(people.filter(username__in=names).values_list("username", "pk"))
        for event, name in zip(batch, names, strict=True):
            event.by_id, event.detail = event.by_id or known.get(name), ""
        events.bulk_update(batch, ["by", "detail"])


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("accounts", "0031_whose_logouts_are_pending")]
    operations = [migrations.RunPython(point, migrations.RunPython.noop)]
