"""A small Debian archive: real .debs, real lists, signed by a key of its own.

    archive = Archive(tmp_path / "debian")
    archive.add(Deb("jq", "1.7-1", depends="libc6 (>= 2.38)", files={"usr/bin/jq": (0o755, b"…")}))
    archive.add(Deb("jq", "1.7-1+deb13u1", suite="-security"))
    archive.publish()
    World(fetcher, archive.config())                 # from its folder
    World(fetcher, archive.config(archive.serve(server)))   # from a LyingServer

Everything is deterministic but for the signature.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import tarfile
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devshell.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pysequoia import Cert, Tsk

    from support.server import LyingServer

_COMPRESS: Mapping[str, Callable[[bytes], bytes]] = {
    "": lambda content: content,
    "gz": lambda content: gzip.compress(content, 6, mtime=0),
    "xz": lambda content: lzma.compress(content, preset=1),
}


@dataclass(frozen=True)
class Link:
    """A symbolic link in a package."""

    target: str


@dataclass
class Deb:
    """One package; `fields` go into control and the list, `scripts` are its maintainer's (postinst …)."""

    name: str
    version: str = "1.0-1"
    architecture: str = "amd64"
    depends: str = ""
    pre_depends: str = ""
    provides: str = ""
    files: Mapping[str, bytes | tuple[int, bytes] | Link] = field(default_factory=dict)
    source: str = ""
    suite: str = ""  # "", "-updates" or "-security"
    fields: Mapping[str, str] = field(default_factory=dict)
    scripts: Mapping[str, bytes] = field(default_factory=dict)
    compression: str = "xz"

    @property
    def filename(self) -> str:
        """Its path below the archive's root, as Debian lays them out."""
        source = (self.source or self.name).partition(" ")[0]
        short = source[:4] if source.startswith("lib") else source[:1]
        version = self.version.partition(":")[2] or self.version
        pool = "pool/updates/main" if self.suite == "-security" else "pool/main"
        return f"{pool}/{short}/{source}/{self.name}_{version}_{self.architecture}.deb"

    def control(self) -> dict[str, str]:
        said = {
            "Package": self.name,
            "Source": self.source,
            "Version": self.version,
            "Architecture": self.architecture,
            "Maintainer": "Test <test@debian.example>",
            "Pre-Depends": self.pre_depends,
            "Depends": self.depends,
            "Provides": self.provides,
            **self.fields,
            "Description": f"{self.name} for tests\n It is small.\n .\n It does nothing.",
        }
        return {name: value for name, value in said.items() if value}

    def build(self) -> bytes:
        """Return the .deb: an ar archive of debian-binary, control.tar and data.tar."""
        control = {"control": (0o644, stanza(self.control()).encode())}
        scripts = {name: (0o755, content) for name, content in self.scripts.items()}
        dot = f".{self.compression}" if self.compression else ""
        return ar(
            {
                "debian-binary": b"2.0\n",
                f"control.tar{dot}": self._packed(tar({**control, **scripts})),
                f"data.tar{dot}": self._packed(tar(self.files)),
            }
        )

    def _packed(self, content: bytes) -> bytes:
        if self.compression == "zst":
            import zstandard

            return zstandard.compress(content)
        return _COMPRESS[self.compression](content)


def stanza(fields: Mapping[str, str]) -> str:
    """Return fields as a control file writes them."""
    return "".join(f"{name}: {value}\n" for name, value in fields.items())


def ar(members: Mapping[str, bytes]) -> bytes:
    """Return an ar archive, as `man deb` describes it."""
    content = b"!<arch>\n"
    for name, data in members.items():
        head = f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n"
        content += head.encode() + data + b"\n" * (len(data) % 2)
    return content


def tar(files: Mapping[str, bytes | tuple[int, bytes] | Link]) -> bytes:
    """Return a tar archive as dpkg-deb makes it: `./`, every folder named, all of root's."""
    folders = {parent for name in files for parent in Path(name).parents}
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name in sorted({*map(str, folders), "."} | set(files), key=lambda n: () if n == "." else Path(n).parts):
            member = tarfile.TarInfo("./" if name == "." else f"./{name}")
            member.uname = member.gname = "root"
            told = files.get(name)
            data = b""
            if told is None:
                member.type, member.mode = tarfile.DIRTYPE, 0o755
            elif isinstance(told, Link):
                member.type, member.linkname, member.mode = tarfile.SYMTYPE, told.target, 0o777
            else:
                member.mode, data = told if isinstance(told, tuple) else (0o644, told)
                member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return content.getvalue()


class Key:
    """A key that signs archives."""

    def __init__(self, name: str = "Test Archive <archive@debian.example>") -> None:
        from pysequoia import Tsk

        self._secret: Tsk = Tsk.generate(user_id=name)

    @property
    def public(self) -> Cert:
        return self._secret.extract_certificate()

    def expired(self, moment: datetime) -> Cert:
        """The public key as it is when it expires at `moment`."""
        return self.public.set_expiration(moment, self._secret.certifier())

    def sign(self, text: str) -> bytes:
        """Return `text` clear-signed."""
        from pysequoia import SignatureMode, sign

        return sign(self._secret.signer(), text.encode(), mode=SignatureMode.CLEAR)


class Archive:
    """An archive in a folder; :meth:`publish` writes lists and signs them, as often as wanted."""

    def __init__(
        self,
        folder: Path,
        codename: str = "trixie",
        architectures: tuple[str, ...] = ("amd64", "arm64"),
        key: Key | None = None,
    ) -> None:
        self.folder = folder
        self.codename = codename
        self.architectures = architectures
        self.key = key or Key()
        self.debs: list[Deb] = []
        self.key_file = folder.with_name(f"{folder.name}-key.asc")
        folder.mkdir(parents=True, exist_ok=True)
        self.key_file.write_text(str(self.key.public))

    @property
    def root(self) -> str:
        """The folder's address."""
        return self.folder.resolve().as_uri()

    def config(self, *roots: str, **more: Any) -> Config:  # noqa: ANN401  any field of Config
        """A configuration that asks this archive, by its folder or at `roots`, and knows its key."""
        return Config(index_deb=roots or (self.root,), deb_keys=(str(self.key_file),), **more)

    def add(self, *debs: Deb) -> None:
        """Take packages in; the next :meth:`publish` lists them."""
        self.debs += debs

    def serve(self, server: LyingServer, path: str = "/debian") -> str:
        """Put all that was published on a server, and return the root's address there."""
        for file in sorted(self.folder.rglob("*")):
            if file.is_file():
                server.serve(f"{path}/{file.relative_to(self.folder).as_posix()}", file.read_bytes())
        return server.address + path

    def suite(self, suffix: str = "") -> Path:
        """The folder of a suite."""
        return self.folder / "dists" / f"{self.codename}{suffix}"

    def publish(  # noqa: PLR0913  each has a default and a name
        self,
        *,
        date: datetime | None = None,
        fields: Mapping[str, str | None] | None = None,
        compressions: tuple[str, ...] = ("gz", "xz"),
        by_hash: bool = True,
        suites: tuple[str, ...] | None = None,
        text: Callable[[str], str] = lambda text: text,
        signed: Callable[[bytes], bytes] = lambda content: content,
    ) -> None:
        """Write the pool and the lists of every suite that has packages, the main one always.

        `fields` change the release file's (None leaves one out); `text` changes it as a whole before
        it is signed, `signed` afterwards. `suites` are suffixes, to publish these and no others.
        """
        for deb in self.debs:
            self._write(deb.filename, deb.build())
        names = suites if suites is not None else tuple(sorted({"", *(deb.suite for deb in self.debs)}))
        for suffix in names:
            listed = self._lists(suffix, compressions, by_hash=by_hash)
            said = {
                "Origin": "Debian",
                "Label": "Debian-Security" if suffix == "-security" else "Debian",
                "Suite": f"stable{suffix}",
                "Codename": f"{self.codename}{suffix}",
                "Date": stamp(date or datetime.now(UTC) - timedelta(minutes=5)),
                "Acquire-By-Hash": "yes" if by_hash else None,
                "Architectures": " ".join(("all", *self.architectures)),
                "Components": "updates/main" if suffix == "-security" else "main",
                **(fields or {}),
            }
            body = (
                stanza({name: value for name, value in said.items() if value is not None}) + "MD5Sum:\n" + "SHA256:\n"
            )
            body += "".join(f" {sha256} {size:>8} {path}\n" for path, (sha256, size) in sorted(listed.items()))
            path = f"dists/{self.codename}{suffix}/InRelease"
            self._write(path, signed(self.key.sign(text(body))))

    def packages(self, suffix: str, architecture: str) -> str:
        """Return the list of one suite and architecture."""
        stanzas = []
        for deb in self.debs:
            if deb.suite == suffix and deb.architecture in {architecture, "all"}:
                content = deb.build()
                place = {"Filename": deb.filename, "Size": str(len(content)), "SHA256": _sha256(content)}
                stanzas.append(stanza(deb.control() | place))
        return "".join(f"{each}\n" for each in stanzas)

    def _lists(self, suffix: str, compressions: tuple[str, ...], *, by_hash: bool) -> dict[str, tuple[str, int]]:
        listed = {}
        for architecture in self.architectures:
            folder = f"main/binary-{architecture}"
            plain = self.packages(suffix, architecture).encode()
            # As Debian does: the plain list is named with its hash, and is not there.
            listed[f"{folder}/Packages"] = (_sha256(plain), len(plain))
            for kind in compressions:
                content = _COMPRESS[kind](plain)
                name = f"Packages.{kind}" if kind else "Packages"
                listed[f"{folder}/{name}"] = (_sha256(content), len(content))
                base = f"dists/{self.codename}{suffix}/{folder}"
                self._write(f"{base}/{name}", content)
                if by_hash:
                    self._write(f"{base}/by-hash/SHA256/{_sha256(content)}", content)
        return listed

    def _write(self, path: str, content: bytes) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def stamp(moment: datetime) -> str:
    """Return a time as release files write it."""
    return moment.strftime("%a, %d %b %Y %H:%M:%S UTC")


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
