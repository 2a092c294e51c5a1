"""The first line of a script: which program runs it. See execve(2)."""

from __future__ import annotations

import os
import re

from devshell.errors import Place, StoreError

#: In bytes, with the `#!` and without the line's end: what Linux has read of a script since 5.1.
MOST = 255


def shebang(interpreter: str, argument: str = "") -> bytes:
    """Return the line that has `interpreter`, an absolute path, run a script.

    Raises StoreError where the kernel could not take it: it knows no quotes, and no long lines.
    """
    line = os.fsencode(f"#!{interpreter} {argument}".rstrip(" "))
    if re.search(r"[ \t\n]", interpreter):
        raise StoreError(
            "the store's path has a space, and no script can name a program there",
            place=Place(interpreter),
            hint="set DEVSHELL_DATA_DIR to a folder whose path has none",
        )
    if len(line) > MOST:
        raise StoreError(
            f"the store's path is too long: a script can name its program in {MOST} bytes, not in {len(line)}",
            place=Place(interpreter),
            hint="set DEVSHELL_DATA_DIR to a folder with a shorter path",
        )
    return line + b"\n"
