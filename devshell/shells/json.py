"""JSON, as direnv writes it for editors: one object, sorted, with null for what is to be unset."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from devshell.errors import ShellError
from devshell.shells.names import checked

if TYPE_CHECKING:
    from devshell.shells.names import Changes


def script(changes: Changes) -> str:
    """Return the object, or nothing at all if nothing changes: readers take anything else for a change.

    What does not show is escaped, so that the text is safe to look at in a terminal. Raises ShellError, naming the
    variable, for bytes that are no UTF-8: JSON has no way to say them, and a reader that was given something near them
    would set a wrong value without a word.
    """
    values = dict(checked(changes))
    for name, value in values.items():
        if value is not None and any("\udc80" <= character <= "\udcff" for character in value):
            raise ShellError(
                f"the variable {name}: bytes that are no UTF-8 cannot stand in JSON",
                hint="use `devshell export bash`, which can say every value",
            )
    if not values:
        return ""
    text = json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False)
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text) + "\n"
