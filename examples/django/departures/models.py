"""What the database keeps."""

from typing import ClassVar

from django.db import models


class Departure(models.Model):
    """A ferry that leaves every day."""

    ferry = models.CharField(max_length=40)
    route = models.CharField(max_length=80)
    leaves = models.TimeField(help_text="local time at the harbour")

    class Meta:
        """The board shows them as they leave."""

        ordering: ClassVar = ["leaves", "ferry"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["ferry", "leaves"], name="one_place_at_a_time")]

    def __str__(self) -> str:
        """Return it as the board shows it."""
        return f"{self.leaves:%H:%M} {self.route} ({self.ferry})"
