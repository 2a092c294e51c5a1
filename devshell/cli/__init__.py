"""The command line: one file a command, each turning options into a use case and rendering what it gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code; every error a user may meet is rendered here."""
    from devshell.cli import interrupt, render
    from devshell.errors import DevshellError

    try:
        with interrupt.watched():
            return _run(list(arguments))
    except KeyboardInterrupt:
        return interrupt.leave()
    except BrokenPipeError:
        return render.broken_pipe()
    except DevshellError as error:
        return render.error(error)
    except OSError as error:
        return render.os_error(error)
    except Exception as error:  # noqa: BLE001  (the last resort: a user never gets a traceback in the face)
        return render.defect(error)


def _run(arguments: list[str]) -> int:
    from devshell.cli import plain

    if plain.run(arguments):
        return 0
    from devshell.cli import app

    return app.run(arguments)
