"""The table of departures."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """As `python manage.py makemigrations` has it."""

    initial = True
    dependencies: ClassVar = []
    operations: ClassVar = [
        migrations.CreateModel(
            name="Departure",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("ferry", models.CharField(max_length=40)),
                ("route", models.CharField(max_length=80)),
                ("leaves", models.TimeField(help_text="local time at the harbour")),
            ],
            options={
                "ordering": ["leaves", "ferry"],
                "constraints": [models.UniqueConstraint(fields=("ferry", "leaves"), name="one_place_at_a_time")],
            },
        ),
    ]
