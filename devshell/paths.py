"""Where devshell keeps things on this machine.

Kept free of imports beyond `os`: it is read on every `exec`, where start-up time is the feature.
The overrides and the XDG variables are those that DESIGN.md names under "Store".
"""

from __future__ import annotations

import os

MANIFEST = "devshell.toml"
LOCAL_MANIFEST = "devshell.local.toml"
LOCK = "devshell.lock"
#: The files of its own that any project may have, whatever they say.
OWN_FILES = (MANIFEST, LOCAL_MANIFEST, LOCK)
PROJECT_FOLDER = ".devshell"
STATE_FOLDER = ".state"


def _folder(override: str, xdg: str, fallback: str) -> str:
    own = os.environ.get(override)
    if own and os.path.isabs(own):
        return own
    base = _users(xdg)
    # The XDG specification says a relative value is to be ignored.
    if not base or not os.path.isabs(base):
        base = os.path.join(_users("HOME") or os.path.expanduser("~"), fallback)
    return os.path.join(base, "devshell")


def _users(name: str) -> str | None:
    # A project that is active may have set it: that moves the project's programs, not devshell's own files, or a
    # `deny` would go to a state that no shell looks at. What travels is said in devshell/environ.py.
    if name in os.environ.get("DEVSHELL_NAMES", "").split(" "):
        return os.environ.get(f"DEVSHELL_OLD_{name}")
    return os.environ.get(name)


def data_folder() -> str:
    """Return the folder that holds the store."""
    return _folder("DEVSHELL_DATA_DIR", "XDG_DATA_HOME", ".local/share")


def cache_folder() -> str:
    """Return the folder that holds downloads and index pages; it may be deleted at any time."""
    return _folder("DEVSHELL_CACHE_DIR", "XDG_CACHE_HOME", ".cache")


def state_folder() -> str:
    """Return the folder that holds trust, generations and what is rendered for the shell."""
    return _folder("DEVSHELL_STATE_DIR", "XDG_STATE_HOME", ".local/state")


def config_folder() -> str:
    """Return the folder of the user's own configuration."""
    return _folder("DEVSHELL_CONFIG_DIR", "XDG_CONFIG_HOME", ".config")


def store_folder() -> str:
    """Return the store itself, under its real name, which is what gets written into trees."""
    return os.path.join(os.path.realpath(data_folder()), "store")


def rendered_folder() -> str:
    """Return the folder that holds what is rendered for shells; projects' states lead to it by links."""
    return os.path.join(state_folder(), "rendered")


def project_state(root: str) -> str:
    """Return the private state folder of the project at `root`, a real absolute path.

    The project's path is repeated component by component, so that a shell can reach it by joining
    strings: no hash, no process.
    """
    return os.path.join(state_folder(), "projects", root.lstrip("/"), STATE_FOLDER)
