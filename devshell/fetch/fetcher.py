"""The one way to the network: verified files, files whose hash is to be learnt, pages, sizes."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from devshell.errors import CancelledError, DevshellError, FetchError, HashMismatchError, UnreachableError
from devshell.fetch.address import Address, Logins, Policy, parse
from devshell.fetch.cache import Downloads
from devshell.fetch.client import Client, MissingError
from devshell.fetch.download import Download, Want
from devshell.fetch.mirrors import Mirrors
from devshell.fetch.pages import Page, Pages
from devshell.fetch.progress import SILENT, Bar, Progress, Together
from devshell.fetch.retry import Retry
from devshell.files import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from devshell.lock.model import Artifact

#: The most a file of unknown size may hold, in bytes.
LEARN_LIMIT = 16 * 1000**3

_TOTAL = re.compile(r"bytes \d+-\d+/(\d+)\Z", re.ASCII)
_NO_HEAD = frozenset({403, 405, 501})
_PARTIAL = 206
_BAD_RANGE = 416


def _never() -> bool:
    return False


def _ignore(message: str) -> None:
    del message


@dataclass(frozen=True, slots=True)
class Learned:
    """A file that was fetched to learn its hash; it stays in the cache under that hash."""

    path: Path
    sha256: str
    size: int


class Fetcher:
    """Fetches into one cache folder. May be used from many threads; :meth:`close` it, or use it in `with`."""

    def __init__(  # noqa: PLR0913  all but the first have a default and a name
        self,
        cache: Path,
        *,
        progress: Progress = SILENT,
        cancelled: Callable[[], bool] = _never,
        offline: bool = False,
        timeout: float = 30.0,
        attempts: int = 5,
        pause: float = 0.5,
        insecure: Collection[str] = (),
        mirrors: Sequence[str] = (),
        note: Callable[[str], None] = _ignore,
    ) -> None:
        """Open no socket and touch no file yet.

        `timeout` is the longest silence of a host, `pause` about the first rest before another
        attempt, both in seconds. `insecure` are the hosts that may be asked over plain http; this
        machine itself always may. `mirrors` are addresses of trees of files by hash, asked for an
        artifact before any other; see `devshell.fetch.mirrors`. `note` gets sentences worth showing
        to a patient user.
        """
        self._cache = cache
        self._progress = progress
        self._cancelled = cancelled
        self._offline = offline
        self._policy = Policy(insecure)
        self._logins = Logins()
        self._client = Client(self._policy, self._logins, cancelled, timeout)
        self._retry = Retry(attempts, pause, cancelled, note)
        self._mirrors = Mirrors(mirrors, note, offline=offline)
        self._downloads = Downloads(cache, cancelled)
        self._pages = Pages(cache, self._client, self._retry, cancelled, note, offline=offline)
        self._learned: dict[str, Learned] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close all connections."""
        self.close()

    def prove(self, folder: str) -> None:
        """Let what lies below an address come over plain http: the caller judges all of it by signature or hash."""
        self._policy.prove(self._parsed(folder))

    @property
    def requests(self) -> int:
        """How many HTTP requests were sent, redirects and repeats included."""
        return self._client.requests

    @property
    def received(self) -> int:
        """How many bytes of bodies came over the network."""
        return self._client.received

    def authorize(self, folder: str, header: str) -> None:
        """Send `header` as `Authorization` with every request below an address, and with no other.

        It goes over https, or to this machine itself, and never along with a redirect to another
        host. Raises FetchError for what is no address.
        """
        self._logins.give(parse(folder)[0], header)

    @property
    def cache(self) -> Path:
        """The folder that everything fetched is kept in."""
        return self._cache

    @property
    def offline(self) -> bool:
        """Whether the network must not be asked."""
        return self._offline

    @property
    def cancelled(self) -> bool:
        """Whether the user wants to stop."""
        return self._cancelled()

    def close(self) -> None:
        """Close all connections; parts under way stay, to be continued by the next run."""
        self._client.close()

    def together(self, label: str, total: int) -> Together:
        """Return one bar for several artifacts of `total` bytes; `label` is what a person knows them by."""
        return Together(self._progress, label, total)

    def artifact(
        self, artifact: Artifact, addresses: Iterable[str], *, label: str | None = None, bar: Together | None = None
    ) -> Path:
        """Return the file with the artifact's hash, from the cache, a mirror, or the first address that has it.

        The bytes were hashed just now, in any case. Of all threads and processes that want one
        file, one fetches it. `addresses` is iterated only as far as needed, and not at all for a
        file in the cache or on a mirror. Raises HashMismatchError where another file came,
        UnreachableError where no address answered, FetchError else, CancelledError at the user's
        word. `label` is what a person knows the file by; `bar` shows it along with others.
        """
        path = self._downloads.place(artifact.algorithm, artifact.digest)
        known = (path, artifact.algorithm, artifact.digest, artifact.size)
        if self._downloads.verified(*known):
            return path
        self._downloads.prepare()
        with locked(path.with_name(path.name + ".lock"), cancelled=self._cancelled):
            if not self._downloads.verified(*known):
                begun = bar.begin() if bar else self._progress.begin(label or artifact.file, artifact.size)
                self._download(path, artifact, addresses, begun)
        return path

    def _download(self, path: Path, artifact: Artifact, addresses: Iterable[str], bar: Bar) -> None:
        want = Want(artifact.file, artifact.algorithm, artifact.digest, artifact.size, artifact.size)
        problems: list[DevshellError] = []
        try:
            with self._downloads.part(path, artifact.algorithm, keep=True) as part:
                download = Download(self._client, self._retry, part, want, bar)
                if self._from_mirror(artifact, download, problems):
                    part.finish()
                    return
                for address in self._each(addresses, problems):
                    try:
                        download.run(self._allowed(address, artifact.file))
                    except FetchError as problem:
                        problems.append(problem)
                    else:
                        part.finish()
                        return
        finally:
            bar.done()
        raise self._failure(artifact.file, problems)

    def _from_mirror(self, artifact: Artifact, download: Download, problems: list[DevshellError]) -> bool:
        for mirror, address in self._mirrors.places(artifact):
            try:
                download.run(self._parsed(address))
            except FetchError as problem:
                self._mirrors.failed(mirror, problem)
                problems.append(problem)
            else:
                return True
        return False

    def _each(self, addresses: Iterable[str], problems: list[DevshellError]) -> Iterator[str]:
        """Iterate addresses, whose very finding may ask the network and fail."""
        try:
            for address in addresses:
                if self._cancelled():
                    raise CancelledError("cancelled")
                yield address
        except FetchError as problem:
            problems.append(problem)

    def _allowed(self, address: str, file: str) -> Address:
        parsed = self._parsed(address)
        if self._offline and parsed.scheme != "file":
            raise FetchError(
                f"{file!r} is not in the cache, and --offline forbids fetching it",
                hint="run the same command once without --offline",
            )
        return parsed

    def _parsed(self, address: str) -> Address:
        parsed, login = parse(address)
        self._logins.remember(parsed, login)
        return parsed

    def _failure(self, file: str, problems: list[DevshellError]) -> DevshellError:
        if not problems and self._offline:
            return FetchError(
                f"{file!r} is not in the cache, and --offline forbids fetching it",
                hint="run the same command once without --offline",
            )
        if not problems:
            return FetchError(f"no place is known to fetch {file!r} from", hint="see `devshell config`")
        if len(problems) == 1:
            return problems[0]
        kind: type[DevshellError] = FetchError
        if any(isinstance(problem, HashMismatchError) for problem in problems):
            kind = HashMismatchError
        elif all(isinstance(problem, UnreachableError) for problem in problems):
            kind = UnreachableError
        # The gravest speaks through the hint.
        hint = next((p.hint for p in problems if isinstance(p, kind) and p.hint), None)
        reasons = "; ".join(dict.fromkeys(problem.message for problem in problems))
        return kind(f"{file!r} could not be fetched: {reasons}", hint=hint)

    def learn(self, address: str) -> Learned:
        """Fetch a file of which nothing is known yet, and keep it in the cache under its hash.

        Raises UnreachableError where the host does not answer, FetchError where it refuses, has no
        such file, or sends more than :data:`LEARN_LIMIT`, CancelledError at the user's word.
        """
        parsed = self._allowed(address, parse(address)[0].file)
        self._downloads.prepare()
        temporary = self._downloads.temporary(parsed)
        with locked(temporary.with_name(temporary.name + ".lock"), cancelled=self._cancelled):
            with self._lock:
                known = self._learned.get(parsed.text)
            if known is None or not self._downloads.verified(known.path, "sha256", known.sha256, known.size):
                known = self._learn(parsed, temporary)
                with self._lock:
                    self._learned[parsed.text] = known
        return known

    def _learn(self, address: Address, temporary: Path) -> Learned:
        want = Want(address.file, "sha256", None, None, LEARN_LIMIT)
        bar = self._progress.begin(address.file, None)
        try:
            # What an earlier process left is not continued: after a power cut it may hold holes,
            # and here no hash would tell.
            with self._downloads.part(temporary, "sha256", keep=False) as part:
                Download(self._client, self._retry, part, want, bar).run(address)
                size, digest = part.size, part.digest()
                return Learned(part.finish(self._downloads.place("sha256", digest)), digest, size)
        finally:
            bar.done()

    def page(self, address: str, *, accept: str, fresh: bool) -> Page:
        """Return a small document, of at most 100 MB.

        `fresh=False` takes any kept copy without asking; `fresh=True` asks the host once a process
        whether the kept one still holds. Raises MissingError where the host has none,
        UnreachableError where it does not answer, FetchError else.
        """
        return self._pages.get(self._parsed(address), accept, fresh=fresh)

    def exists(self, address: str) -> bool:
        """Whether the host has such a file; raises as :meth:`size` does, but for MissingError."""
        try:
            self.size(address)
        except MissingError:
            return False
        return True

    def size(self, address: str) -> int | None:
        """Return a file's size in bytes without fetching it, None where the host does not tell.

        Raises MissingError where there is no such file, UnreachableError, FetchError.
        """
        parsed = self._allowed(address, parse(address)[0].file)
        if parsed.scheme == "file":
            return _local_size(parsed)
        return self._retry.run(parsed, lambda: self._ask_size(parsed))

    def _ask_size(self, address: Address) -> int | None:
        with self._client.open("HEAD", address, {"Accept-Encoding": "identity"}) as reply:
            # Read to its end, which comes at once, the connection can serve again.
            for _chunk in reply.chunks:
                pass
            if reply.status not in _NO_HEAD:
                reply.check()
                return reply.length
        with self._client.open("GET", address, {"Accept-Encoding": "identity", "Range": "bytes=0-0"}) as reply:
            reply.check(_BAD_RANGE)
            if reply.status == _BAD_RANGE:
                return 0
            found = _TOTAL.match(reply.headers.get("content-range", ""))
            return int(found[1]) if found else (None if reply.status == _PARTIAL else reply.length)


def _local_size(address: Address) -> int:
    import os

    try:
        return os.stat(address.target).st_size
    except OSError:
        raise MissingError(f"there is no {address.target!r}") from None
