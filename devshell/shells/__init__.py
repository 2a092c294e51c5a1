"""What each kind of shell, and each reader of variables, is told: values turned into code.

Every module here offers `script`, which says a list of changes, as `devshell.environ.difference` gives it, in one
language. Names are checked again and values are quoted whole: whatever a value holds, no reader evaluates any of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from devshell.errors import UsageError
from devshell.shells import bash, dotenv, fish, json, vim, zsh

if TYPE_CHECKING:
    from devshell.shells.names import Changes
    from devshell.shells.rendering import Entering, Waiting

#: The shells one can stand in.
SHELLS = ("bash", "zsh", "fish")


class Language(Protocol):
    """A module of this package."""

    def script(self, changes: Changes) -> str:
        """Return text that makes the changes; it holds no surrogates, so that it can be printed as it is.

        Raises ShellError for a change that this language cannot say.
        """


_LANGUAGES: dict[str, Language] = {
    "bash": bash,
    "zsh": zsh,
    "fish": fish,
    "dotenv": dotenv,
    "json": json,
    "vim": vim,
}


def get(name: str) -> Language:
    """Return the language called `name`; raises UsageError if there is none."""
    try:
        return _LANGUAGES[name]
    except KeyError:
        raise UsageError(f"devshell does not speak {name!r}", hint=f"it speaks {', '.join(_LANGUAGES)}") from None


class Hooked(Protocol):
    """A module of this package for a shell that has a hook."""

    def entering(self, found: Entering) -> str:
        """Return the rendered script of a project that can be entered."""

    def waiting(self, found: Waiting) -> str:
        """Return the rendered script of a project that is not entered."""


_HOOKED: dict[str, Hooked] = {"bash": bash, "zsh": zsh, "fish": fish}


def hooked(name: str) -> Hooked:
    """Return the language of one of `SHELLS`, for its rendered scripts; KeyError if it is none of them."""
    return _HOOKED[name]
