"""Indexes for what lists are sorted, filtered and searched by (docs/scale.md 2)."""

from django.db import migrations, models
from django.db.models import Q

from accounts.database.indexes import AddIndexMeanwhile, on_postgresql


def _index(model, name, *fields, **more):
    return AddIndexMeanwhile(model, models.Index(fields=list(fields), name=name, **more))


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("accounts", "0020_known_devices")]
    operations = [
        _index("event", "event_user_at", "user", "at"),
        _index("event", "event_by_at", "by", "at"),
        _index("event", "event_name_at", "name", "at"),
        _index("event", "event_source_at", "source", "at"),
        _index("event", "event_address_at", "address", "at"),
        _index("event", "event_reason_at", "reason", "at", condition=~Q(reason="")),
        _index("event", "event_actor_at", "actor", "at", condition=~Q(actor="person")),
        _index("identity", "identity_source_latest", "source", "id"),
        _index("identity", "identity_subject", "subject", opclasses=["varchar_pattern_ops"]),
        _index("storedsession", "session_seen", "-last_seen_at"),
        # SQLite, before it has statistics, takes it for what is found by issuer and sid.
        on_postgresql(
            "accounts.StoredSession", "session_source_seen", "(source, last_seen_at DESC)"
        ),
        _index("storedsession", "session_apart_seen", "-last_seen_at", condition=Q(kind="client")),
        _index("user", "person_status", "status", "username_key"),
        _index("user", "person_staff", "username_key", condition=Q(is_staff=True)),
        _index("user", "person_of_all", "username_key", condition=Q(is_superuser=True)),
    ]
