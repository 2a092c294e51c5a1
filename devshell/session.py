"""What a use case works with: the network, the store, the user's configuration, and a way to speak."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from devshell.snapshot import Snapshot
    from devshell.sources import World
    from devshell.store import Store
    from devshell.trust import Standing


@dataclass(frozen=True, slots=True)
class Session:
    """One command's means.

    `note` says one line to the user, on stderr. `confirm` asks whether to allow a project, None
    where there is nobody to ask. `cancelled` turns true on Ctrl-C.
    """

    world: World
    store: Store
    note: Callable[[str], None]
    cancelled: Callable[[], bool]
    confirm: Callable[[Snapshot, Standing], bool] | None = None
