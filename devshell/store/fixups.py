r"""Fix-ups: small, known changes to a tree, written in the lock as data.

A fix-up acts on the tree alone. Paths are relative to it; nothing is followed out of it. In a path
`*` stands for any characters of one name, and `[0-9]` for a digit, since packages put versions and
processors into names. Where `each` is said, the work is done on every path that fits; else exactly one has to fit.

`link` {path, target}: `path` becomes a relative symlink to `target`; what stood there is replaced.
`executable` {path}: each `path` becomes a program.
`file` {path, text}: a file of text; `\n` begins another line.
`remove` {path}: each file, link, or folder with all in it.
`replace` {path, old, new}: in each file every `old`, of which there must be one, becomes `new`. Where the
file is no text, `new` is not longer than `old`, in bytes; a shorter one ends with a NUL, and what is behind
that stays: linkers let texts share their ends.
`builtin` {path, old, new}: in each ELF file that has the text `old`, of which there must be one, what refers to
it then refers to `new`, which may be longer; see `devshell.store.builtin`.
`bundle` {path, folder}: a file of all `*.crt` files below `folder`, in the order of their paths.
`keystore` {path, folder}: the same for Java; see `devshell.store.keystore`.
`wrapper` {path, variables, arguments, opens}: each program starts with these; see `devshell.store.wrapper`.
`bytecode` {path, python}: Python's byte code for each folder; see `devshell.store.bytecode`.

`${tool}` is the tree, in `text`, `new`, `variables`, `arguments` and `opens`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from devshell.errors import StoreError
from devshell.files import remove_tree
from devshell.store import places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    Kind = Callable[[Path, Mapping[str, str], Path], None]

#: The folder of wrappers in a tree: there they have the paths of what they wrap.
WRAPPERS = ".wrappers"


def apply(tree: Path, fixups: Iterable[Mapping[str, str]], final: Path) -> None:
    """Apply the fix-ups of a block in their order; `final` is the tree's path in the store.

    Raises StoreError where a fix-up does not fit the tree, or its kind is not known.
    """
    kinds: Mapping[str, Kind] = {
        "link": _link,
        "executable": _executable,
        "file": _file,
        "remove": _remove,
        "replace": _replace,
        "builtin": _builtin,
        "bundle": _bundle,
        "keystore": _keystore,
        "wrapper": _wrapper,
        "bytecode": _bytecode,
    }
    for fixup in fixups:
        kind = kinds.get(fixup["kind"])
        if kind is None:
            raise StoreError(
                f"the lock asks for a fix-up of kind {fixup['kind']!r}, which this devshell does not know",
                hint="upgrade devshell, or lock again with `devshell lock --update`",
            )
        kind(tree, fixup, final)


def wrapped(fixups: Iterable[Mapping[str, str]], path: str) -> str:
    """Return the path in a tree of a program's wrapper, if the fix-ups give it one, else its own."""
    patterns = (fixup.get("path", "") for fixup in fixups if fixup.get("kind") == "wrapper")
    return f"{WRAPPERS}/{path}" if any(places.fits(path, pattern) for pattern in patterns) else path


def _link(tree: Path, fixup: Mapping[str, str], final: Path) -> None:  # noqa: ARG001  (all kinds alike)
    path = tree / _one(tree, fixup, "path")
    target = tree / _one(tree, fixup, "target")
    if not target.exists():
        raise StoreError(f"a fix-up links to {fixup['target']!r}, which is not in the package")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(os.path.relpath(target, path.parent))


def _executable(tree: Path, fixup: Mapping[str, str], final: Path) -> None:  # noqa: ARG001  (likewise)
    for path in _files(tree, fixup):
        path.chmod(0o755)


def _file(tree: Path, fixup: Mapping[str, str], final: Path) -> None:
    text = fixup.get("text", "").replace("\\n", "\n")
    _write(tree / _one(tree, fixup, "path"), f"{_with_tool(text, final)}\n".encode())


def _remove(tree: Path, fixup: Mapping[str, str], final: Path) -> None:  # noqa: ARG001  (likewise)
    for path in _each(tree, fixup):
        if not os.path.lexists(tree / path):
            raise StoreError(f"a fix-up removes {path!r}, which is not in the package")
        remove_tree(tree / path)


def _replace(tree: Path, fixup: Mapping[str, str], final: Path) -> None:
    old, new = fixup.get("old", "").encode(), _with_tool(fixup.get("new", ""), final).encode()
    for path in _files(tree, fixup):
        content = path.read_bytes()
        if not old or old not in content:
            raise StoreError(f"a fix-up replaces {fixup.get('old')!r}, which {fixup['path']!r} does not have")
        path.write_bytes(content.replace(old, _over(old, new, fixup) if b"\0" in content else new))


def _over(old: bytes, new: bytes, fixup: Mapping[str, str]) -> bytes:
    if len(new) > len(old):
        raise StoreError(f"a fix-up would move what stands behind {fixup['old']!r} in {fixup['path']!r}")
    return (new + b"\0" + old[len(new) + 1 :])[: len(old)]


def _builtin(tree: Path, fixup: Mapping[str, str], final: Path) -> None:
    from devshell.store.builtin import fill, has, redirect

    old, new = fixup.get("old", "").encode(), fill(fixup.get("new", ""), os.fspath(final))
    done = 0
    for path in _each(tree, fixup):
        if (tree / path).is_symlink() or not (tree / path).is_file():
            continue
        content = (tree / path).read_bytes()
        if has(content, old):
            (tree / path).write_bytes(redirect(content, old, new))
            done += 1
    if not done:
        raise StoreError(f"a fix-up redirects {fixup.get('old')!r}, which {fixup['path']!r} does not have")


def _bundle(tree: Path, fixup: Mapping[str, str], final: Path) -> None:  # noqa: ARG001  (likewise)
    parts = [content.strip() + b"\n" for content in _certificates(tree, fixup).values()]
    _write(tree / _one(tree, fixup, "path"), b"".join(parts))


def _keystore(tree: Path, fixup: Mapping[str, str], final: Path) -> None:  # noqa: ARG001  (likewise)
    from devshell.store.keystore import keystore

    named = {os.path.basename(path).removesuffix(".crt"): pem for path, pem in _certificates(tree, fixup).items()}
    _write(tree / _one(tree, fixup, "path"), keystore(named))


def _certificates(tree: Path, fixup: Mapping[str, str]) -> dict[str, bytes]:
    """Return the `*.crt` files below a fix-up's folder by their paths in it, in their order."""
    folder = tree / _one(tree, fixup, "folder")
    if not folder.is_dir() or folder.is_symlink():
        raise StoreError(f"a fix-up bundles the folder {fixup['folder']!r}, which is not in the package")
    found = {}
    for above, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(above, name)
            if name.endswith(".crt") and not os.path.islink(path):
                found[os.path.relpath(path, folder)] = path
    if not found:
        raise StoreError(f"a fix-up bundles the folder {fixup['folder']!r}, which has no certificates")
    contents = {}
    for relative in sorted(found):
        with open(found[relative], "rb") as file:
            contents[relative] = file.read()
    return contents


def _wrapper(tree: Path, fixup: Mapping[str, str], final: Path) -> None:
    from devshell.store.wrapper import wrapper

    for path in _each(tree, fixup):
        if not (tree / path).is_file():
            raise StoreError(f"a fix-up wraps {path!r}, which is not in the package")
        content = wrapper(tree, path, fixup, final)
        target = tree / places.one(tree, f"{WRAPPERS}/{path}", "path")
        _write(target, content)
        target.chmod(0o755)


def _bytecode(tree: Path, fixup: Mapping[str, str], final: Path) -> None:  # noqa: ARG001  (likewise)
    from devshell.store.bytecode import compile_folder

    python = _one(tree, fixup, "python")
    for folder in _each(tree, fixup):
        compile_folder(tree, folder, python)


def _with_tool(text: str, final: Path) -> str:
    return text.replace("${tool}", os.fspath(final))


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # A link, or another name of a file, would be written through.
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    path.chmod(0o644)


def _one(tree: Path, fixup: Mapping[str, str], key: str) -> str:
    return places.one(tree, fixup.get(key, ""), key)


def _each(tree: Path, fixup: Mapping[str, str]) -> list[str]:
    return places.each(tree, fixup.get("path", ""), "path")


def _files(tree: Path, fixup: Mapping[str, str]) -> list[Path]:
    found = [tree / path for path in _each(tree, fixup)]
    if len(found) > 1:
        # Beside a file there may be links to it, which mean the same.
        found = [path for path in found if not path.is_symlink()]
    if not found or any(not path.is_file() or path.is_symlink() for path in found):
        raise StoreError(f"a fix-up names the file {fixup['path']!r}, which is not in the package")
    return found
