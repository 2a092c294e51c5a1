"""What a command finds out but once, however many of its threads want to know."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from devshell.fetch import Fetcher

T = TypeVar("T")

# A command has one fetcher.
_known: WeakKeyDictionary[Fetcher, dict[Hashable, Future[Any]]] = WeakKeyDictionary()
_lock = threading.Lock()


def once(fetcher: Fetcher, key: Hashable, find: Callable[[], T]) -> T:
    """Return what `find` returns or raise what it raises; it is called by the first who asks, and others wait.

    `find` may ask for other keys, but not for its own.
    """
    with _lock:
        known = _known.setdefault(fetcher, {})
        future: Future[T] | None = known.get(key)
        mine = future is None
        if future is None:
            future = known[key] = Future()
    if mine:
        try:
            future.set_result(find())
        except BaseException as problem:  # noqa: BLE001  whoever waits must not wait for ever
            future.set_exception(problem)
    return future.result()
