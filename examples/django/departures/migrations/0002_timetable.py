"""The winter timetable."""

import datetime as dt
from typing import ClassVar

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

TIMETABLE = [
    ("Mergulhão", "Lighthouse Island", dt.time(7, 40)),
    ("Petrel", "Salt Bay", dt.time(9, 20)),
    ("Mergulhão", "Old Mole & Quay", dt.time(12, 0)),
    ("Petrel", "The Skerries", dt.time(16, 45)),
]


def fill(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Put the timetable into the table."""
    departure = apps.get_model("departures", "Departure")
    departure.objects.using(schema_editor.connection.alias).bulk_create(
        departure(ferry=ferry, route=route, leaves=leaves) for ferry, route, leaves in TIMETABLE
    )


class Migration(migrations.Migration):
    """Taking it back is dropping the table, which 0001 does."""

    dependencies: ClassVar = [("departures", "0001_initial")]
    operations: ClassVar = [migrations.RunPython(fill, migrations.RunPython.noop)]
