"""Print the departures between two hours: python tools/departures.py 7 12."""

import csv
import sys
from pathlib import Path

TABLE = Path(__file__).parent.parent / "data" / "departures.csv"


def departures(first: int, last: int) -> list[str]:
    """Return the routes that depart from hour `first` up to, not including, hour `last`."""
    with TABLE.open(newline="", encoding="utf-8") as table:
        return [row["route"] for row in csv.DictReader(table) if first <= int(row["departs"][:2]) < last]


if __name__ == "__main__":
    print("\n".join(departures(int(sys.argv[1]), int(sys.argv[2]))))
