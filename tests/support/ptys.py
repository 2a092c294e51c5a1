"""Real shells on a real terminal."""

from __future__ import annotations

import itertools
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

import pexpect

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

#: Seconds until a silent shell counts as stuck; none takes this long unless something is broken.
PATIENCE = 30


class Terminal:
    """A program on a terminal of its own, started in `folder`.

    Commands are told apart by a word that is printed in one piece but typed in two, so that the terminal's echo of the
    typing is not taken for the answer. bash, zsh and fish all understand what is typed here.
    """

    def __init__(self, argv: list[str], env: Mapping[str, str], folder: Path) -> None:
        # Not in `folder`, whose path may need quotes that differ from shell to shell.
        self._outputs = TemporaryDirectory()
        self._count = itertools.count(1)
        self._child = pexpect.spawn(
            argv[0], argv[1:], env=dict(env), cwd=str(folder), timeout=PATIENCE, dimensions=(50, 200)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._child.close(force=True)
        self._outputs.cleanup()

    def send(self, text: str) -> None:
        """Type without pressing Enter."""
        self._child.send(text.encode())

    def type(self, line: str) -> None:
        """Type a line and press Enter."""
        self._child.sendline(line)

    def run(self, line: str) -> bytes:
        """Run a simple command or a pipeline, and return what it says on both outputs."""
        number = next(self._count)
        output = Path(self._outputs.name, str(number))
        self.type(f'{line} >{output} 2>&1; echo EN""D{number}x')
        self._child.expect_exact(f"END{number}x")
        return output.read_bytes()

    def environment(self) -> dict[str, str]:
        """Return the environment that a program started here has."""
        pairs = (line.partition(b"=") for line in self.run("/usr/bin/env -0").split(b"\0") if line)
        return {_text(name): _text(value) for name, _, value in pairs}

    def expect(self, text: str) -> None:
        """Wait until the terminal shows `text`."""
        self._child.expect_exact(text.encode())

    def exit(self, line: str = "exit") -> int:
        """Type `line`, wait for the program to end, and return its exit code."""
        self.type(line)
        self._child.expect(pexpect.EOF)
        self._child.close()
        return -1 if self._child.exitstatus is None else int(self._child.exitstatus)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
