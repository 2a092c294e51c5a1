"""The command `devshell`."""

from __future__ import annotations

import os
import sys


def main() -> int:
    """Run the command line and return its exit code."""
    from devshell import quick

    _open_what_is_closed()
    try:
        done = quick.serve(sys.argv[1:])
    except KeyboardInterrupt:
        return 130
    if done is not None:
        return done
    from devshell import cli

    return cli.main(sys.argv[1:])


def _open_what_is_closed() -> None:
    # Started with `2>&-` or the like, Python has None where it would write, and a file would get the number.
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, open(number, "r" if number == 0 else "w", closefd=False))  # noqa: SIM115  (open to the end)


if __name__ == "__main__":
    sys.exit(main())
