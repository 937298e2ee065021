"""The hand-overs that wait for a front end."""

from django.db import models

from accounts.models import StoredSession


class HandOver(models.Model):
    """A token pair that may be fetched once. `digest` is the SHA-256 of its identifier."""

    digest = models.CharField(max_length=64, primary_key=True)
    session = models.ForeignKey(
        StoredSession, to_field="uid", on_delete=models.CASCADE, related_name="handovers"
    )
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"for {self.session_id}"
