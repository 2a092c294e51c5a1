"""`devshell sync`: install what the lock pins."""

from __future__ import annotations

from devshell.cli import options, syncing, terminal


def sync(
    frozen: options.Frozen = False,
    offline: options.Offline = False,
    directory: options.Directory = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Install what the lock pins, locking first what is not locked yet."""
    syncing.sync(terminal.begin(directory, quiet=quiet, verbose=verbose), frozen=frozen, offline=offline)
