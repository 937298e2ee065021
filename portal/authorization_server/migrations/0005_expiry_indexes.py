"""Indexes by which the daily clean-up finds what is over (docs/scale.md 3)."""

from django.db import migrations, models

from accounts.database.indexes import AddIndexMeanwhile


def _index(model, name, field):
    return AddIndexMeanwhile(model, models.Index(fields=[field], name=name))


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("authorization_server", "0004_client_keys")]
    operations = [
        _index("grant", "grant_expires", "expires"),
        _index("accesstoken", "access_token_expires", "expires"),
        _index("refreshtoken", "refresh_token_revoked", "revoked"),
        _index("idtoken", "id_token_expires", "expires"),
    ]
