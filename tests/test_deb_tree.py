"""Trees of Debian packages: relocated, linked, and showing only what is the tool's."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devshell.errors import StoreError
from devshell.lock import Block
from devshell.sources import Site
from devshell.sources.deb import elf, inside, locales, relocate
from devshell.sources.deb import tree as deb_tree
from devshell.store.fixups import WRAPPERS
from support import relocated
from support.deb_archive import Deb, Link
from support.relocated import LOADER, PATCHELF, TRIPLET, arranged, libc, links, program

pytestmark = relocated.needed


def test_a_program_runs_on_nothing_but_its_tree(tmp_path: Path) -> None:
    made = arranged(tmp_path / "store", [libc(), program("tool", "cat")], "tool")
    maps = made.run("bin/tool", "/proc/self/maps", LD_LIBRARY_PATH=f"/usr/lib/{TRIPLET}")
    mapped = set(re.findall(r" (/\S+)$", maps, re.MULTILINE))
    assert len(mapped) >= 3
    assert all(path.startswith(f"{made.tree}/") for path in mapped)


def test_interpreter_and_rpath(tmp_path: Path) -> None:
    made = arranged(tmp_path / "store", [libc(), program("tool", "true", "usr/lib/tool/bin/tool")], "tool")
    path = "usr/lib/tool/bin/tool"
    interpreter = made.patchelf("--print-interpreter", path)
    assert len(interpreter) == relocate.INTERPRETER_LENGTH
    assert interpreter.lstrip("/") == f"{made.tree}/{LOADER}".lstrip("/")
    assert made.patchelf("--print-rpath", path) == f"$ORIGIN/../../{TRIPLET}"
    with open(made.tree / path, "rb") as file:
        found = elf.read(file)
    assert found is not None
    assert found.tag == elf.DT_RPATH


def test_the_same_bits_wherever_the_store_lies(tmp_path: Path) -> None:
    debs = [
        libc(),
        program("tool", "true"),
        program("dash", "sh"),
        Deb("more", files={"usr/bin/more": (0o755, b"#!/usr/bin/dash -e\nexit 0\n"), "usr/bin/m": Link("/bin/more")}),
    ]
    mend = [
        {"kind": "wrapper", "path": "usr/bin/tool", "variables": "A=${tool}/x", "arguments": "${tool}"},
        {"kind": "file", "path": "etc/tool.conf", "text": "home = ${tool}"},
    ]
    stores = ["s", "home of nobody".replace(" ", "-") * 4 + "/.local/share/devshell/store"]
    made = []
    for name in stores:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        made.append(arranged(tmp_path / name, debs, "tool", "more", mend))
    assert made[0].digest == made[1].digest
    for one in made:
        one.run("bin/tool")
        one.run("bin/m")


def test_all_names_of_a_file_are_changed_once(tmp_path: Path) -> None:
    deb = program("tool", "true")
    into = tmp_path / "tree"
    into.mkdir()
    relocated.fill(into, [libc(), deb], tmp_path)
    os.link(into / "usr/bin/tool", into / "usr/bin/also")
    (into / "usr/bin/script").write_text("#!/bin/tool\n")
    (into / "usr/bin/script").chmod(0o755)
    os.link(into / "usr/bin/script", into / "usr/bin/script2")
    final = tmp_path / relocated.NAME
    deb_tree.arrange(Site(into, final), Block("deb", "1", (), {"package": "tool"}))
    assert os.path.samefile(into / "usr/bin/tool", into / "usr/bin/also")
    assert (into / "usr/bin/script2").read_text() == f"#!{final}/usr/bin/tool\n"
    into.rename(final)
    assert subprocess.run([final / "usr/bin/also"], env={}, check=False).returncode == 0


def test_the_c_library_leaves_the_machine_alone(tmp_path: Path) -> None:
    deb = libc()
    made = arranged(tmp_path / "store", [deb, program("tool", "true")], "tool")
    for path, gone in {
        f"usr/lib/{TRIPLET}/{Path(LOADER).name}": (b"\0/etc/ld.so.cache\0", b"/etc/ld.so.preload", b"\0/usr/lib/\0"),
        f"usr/lib/{TRIPLET}/libc.so.6": (b"\0LOCPATH\0", b"\0GCONV_PATH\0", b"\0/usr/lib/locale", b"/usr/share/locale"),
    }.items():
        before = deb.files[path]
        assert isinstance(before, tuple)
        after = (made.tree / path).read_bytes()
        assert len(after) == len(before[1])
        for text in gone:
            assert text in before[1], text
            assert text not in after, text
    assert b"\0DEBPATH\0" in (made.tree / f"usr/lib/{TRIPLET}/libc.so.6").read_bytes()


def test_what_the_machine_has_first_on_path_is_not_what_is_started(tmp_path: Path) -> None:
    # libc finds "PATH" at the end of another name, which it shares with this one.
    made = arranged(tmp_path / "store", [libc(), program("env", "env"), program("mine", "echo")], "env")
    assert made.run("usr/bin/env", "mine", "found", PATH=str(made.tree / "usr/bin")) == "found\n"


def test_a_librarys_own_runpath_hides_nothing(tmp_path: Path) -> None:
    base = libc().files[f"usr/lib/{TRIPLET}/libc.so.6"]
    assert isinstance(base, tuple)

    def library(runpath: str) -> bytes:
        file = tmp_path / "lib.so"
        file.write_bytes(base[1])
        subprocess.run([PATCHELF, "--set-soname", "libx.so", "--set-rpath", runpath, file], check=True)
        return file.read_bytes()

    own = {
        "relative": "$ORIGIN/../private",
        "absolute": f"/usr/lib/{TRIPLET}/private",
        "foreign": "/opt/vendor/lib",
        "empty": ".:",
    }
    files: dict[str, bytes | tuple[int, bytes] | Link] = {
        f"usr/lib/{TRIPLET}/{name}.so": library(runpath) for name, runpath in own.items()
    }
    files[f"lib/{TRIPLET}/private/libp.so.1"] = library("$ORIGIN")
    made = arranged(tmp_path / "store", [libc(), program("tool", "true"), Deb("libs", files=files)], "tool")
    found = {name: made.patchelf("--print-rpath", f"usr/lib/{TRIPLET}/{name}.so") for name in own}
    assert found == {
        "relative": "$ORIGIN/../private",
        "absolute": "$ORIGIN/private:$ORIGIN",
        "foreign": "$ORIGIN",
        "empty": "$ORIGIN",
    }
    for name in own:
        with open(made.tree / f"usr/lib/{TRIPLET}/{name}.so", "rb") as file:
            library_found = elf.read(file)
        assert library_found is not None
        assert library_found.tag == elf.DT_RPATH


def test_folders_of_libraries_that_packages_tell_ldso_of(tmp_path: Path) -> None:
    files = {
        "etc/ld.so.conf.d/x.conf": b"# x\n/usr/lib/private\n/usr/lib/missing\nhwcap x\n",
        "usr/lib/private/l.so.1": b"",
    }
    made = arranged(tmp_path / "store", [libc(), program("tool", "true"), Deb("conf", files=files)], "tool")
    assert made.patchelf("--print-rpath", "usr/bin/tool") == f"$ORIGIN/../lib/private:$ORIGIN/../lib/{TRIPLET}"


def test_static_programs_and_those_with_data_behind_stay(tmp_path: Path) -> None:
    static = Path(PATCHELF).read_bytes()
    extended = relocated.elf("sleep") + b"data of its own"
    files = {"usr/bin/static": (0o755, static), "usr/bin/extended": (0o755, extended)}
    made = arranged(tmp_path / "store", [libc(), Deb("tool", files=files)], "tool")
    assert (made.tree / "usr/bin/static").read_bytes() == static
    assert (made.tree / "usr/bin/extended").read_bytes().endswith(b"data of its own")
    assert not made.patchelf("--print-interpreter", "usr/bin/extended").startswith("//")
    assert len((made.tree / "usr/bin/extended").read_bytes()) == len(extended)


def test_a_program_for_another_loader_stays(tmp_path: Path) -> None:
    made = arranged(tmp_path / "store", [program("tool", "true")], "tool")
    assert not made.patchelf("--print-interpreter", "usr/bin/tool").startswith("//")
    assert made.patchelf("--print-rpath", "usr/bin/tool") == ""


def test_a_store_whose_path_is_too_long(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 150) / ("e" * 150)
    deep.parent.mkdir()
    with pytest.raises(StoreError, match="too long") as raised:
        arranged(deep, [libc(), program("tool", "true")], "tool")
    assert "DEVSHELL_DATA_DIR" in (raised.value.hint or "")


def test_only_what_is_the_tools_is_shown(tmp_path: Path) -> None:
    main = Deb(
        "tool",
        files={
            "usr/bin/tool": (0o755, b"#!/nowhere\n"),
            "usr/bin/data": (0o644, b""),
            "sbin/toold": (0o755, b"#!/nowhere\n"),
            "sbin/tool": (0o755, b"#!/nowhere\nsecond\n"),
            "usr/games/play": (0o755, b"#!/nowhere\n"),
            "usr/bin/short": Link("tool"),
            "usr/bin/dangling": Link("missing"),
            "usr/share/man/man1/tool.1.gz": b"m",
            "usr/share/bash-completion/completions/tool": b"c",
            "usr/share/zsh/vendor-completions/_tool": b"c",
            "usr/share/fish/vendor_completions.d/tool.fish": b"c",
        },
    )
    extra = Deb("tool-extra", files={"usr/bin/extra": (0o755, b"#!/nowhere\n")})
    other = Deb("perl", files={"usr/bin/perl": (0o755, b"x"), "usr/share/man/man1/perl.1.gz": b"m"})
    tree = arranged(tmp_path / "store", [main, extra, other], "tool", "tool-extra").tree
    assert links(tree, "bin") == {
        "extra": "../usr/bin/extra",
        "play": "../usr/games/play",
        "short": "../usr/bin/short",
        "tool": "../usr/bin/tool",
        "toold": "../usr/sbin/toold",
    }
    assert links(tree, "share/man/man1") == {"tool.1.gz": "../../../usr/share/man/man1/tool.1.gz"}
    assert links(tree, "share/zsh/site-functions") == {"_tool": "../../../usr/share/zsh/vendor-completions/_tool"}
    assert (tree / "share/bash-completion/completions/tool").read_bytes() == b"c"
    assert (tree / "share/fish/vendor_completions.d/tool.fish").read_bytes() == b"c"
    assert not (tree / ".debs").exists()


@pytest.mark.parametrize(("package", "also"), [("missing", ""), ("tool", "missing"), ("", "")])
def test_a_block_that_speaks_of_what_is_not_there(tmp_path: Path, package: str, also: str) -> None:
    with pytest.raises(StoreError, match="not among those"):
        arranged(tmp_path / "store", [Deb("tool")], package, also)


def test_scripts_keep_their_rest_and_those_that_do_not_run_stay(tmp_path: Path) -> None:
    body = b"exec echo \xff\0 hello\n" * 1000
    files: dict[str, bytes | tuple[int, bytes] | Link] = {
        "usr/bin/dash": (0o755, b"x"),
        "bin/sh": Link("dash"),
        "usr/bin/run": (0o755, b"#!/bin/sh\n" + body),
        "usr/share/module": (0o644, b"#!/bin/sh\n" + body),
        "usr/bin/no-end": (0o755, b"#!/bin/sh"),
    }
    tree = arranged(tmp_path / "store", [Deb("tool", files=files)], "tool").tree
    assert (tree / "usr/bin/run").read_bytes() == f"#!{tree}/usr/bin/sh\n".encode() + body
    assert (tree / "usr/share/module").read_bytes() == b"#!/bin/sh\n" + body
    assert (tree / "usr/bin/no-end").read_bytes() == b"#!/bin/sh"


@pytest.mark.parametrize("name", ["a b", "d" * 240])
def test_a_store_that_no_script_can_name(tmp_path: Path, name: str) -> None:
    files = {"usr/bin/dash": (0o755, b"x"), "usr/bin/run": (0o755, b"#!/usr/bin/dash\n")}
    with pytest.raises(StoreError) as raised:
        arranged(tmp_path / name, [Deb("tool", files=files)], "tool")
    assert "DEVSHELL_DATA_DIR" in (raised.value.hint or "")


def test_all_that_leads_to_a_wrapped_program_leads_to_its_wrapper(tmp_path: Path) -> None:
    script = (0o755, b"#!/usr/bin/env tool\n")
    tool = Deb(
        "tool",
        files={"usr/bin/tool": (0o755, b"x"), "usr/bin/t": Link("tool"), "usr/bin/script": script},
    )
    mend = [{"kind": "wrapper", "path": "usr/bin/to*"}]
    dash = Deb("dash", files={"usr/bin/dash": (0o755, b"x")})
    tree = arranged(tmp_path / "store", [tool, dash], "tool", mend=mend).tree
    wrapper = f"{WRAPPERS}/usr/bin/tool"
    assert links(tree, "bin") == {"script": "../usr/bin/script", "t": f"../{wrapper}", "tool": f"../{wrapper}"}
    assert (tree / "usr/bin/script").read_bytes() == f"#!{tree}/{wrapper}\n".encode()


def test_every_language_leads_to_the_one_locale(tmp_path: Path) -> None:
    files: dict[str, bytes | tuple[int, bytes] | Link] = {
        "usr/lib/locale/C.utf8/LC_CTYPE": b"x",
        "usr/lib/locale/de.utf8": Link("mine"),
    }
    tree = arranged(tmp_path / "store", [Deb("tool", files=files)], "tool").tree
    assert os.readlink(tree / "usr/lib/locale/en.utf8") == "C.utf8"
    assert os.readlink(tree / "usr/lib/locale/de.utf8") == "mine"


def test_no_locale_is_linked_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "outside/locale/C.utf8").mkdir(parents=True)
    (tmp_path / "tree/usr").mkdir(parents=True)
    (tmp_path / "tree/usr/lib").symlink_to(tmp_path / "outside")
    locales.link(tmp_path / "tree")
    assert os.listdir(tmp_path / "outside/locale") == ["C.utf8"]


def test_steps_never_leave_the_tree(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "usr").mkdir(parents=True)
    (tmp_path / "secret").touch(0o755)
    for name, target in {"a": "b", "b": "a", "out": "../../secret", "abs": "/bin/sh", "folder": "../.."}.items():
        (tree / "usr" / name).symlink_to(target)
    assert len(list(inside.steps(tree, "usr/a"))) <= 40
    assert list(inside.steps(tree, "usr/out")) == ["usr/out"]
    assert list(inside.steps(tree, "usr/folder/secret")) == []
    assert [inside.program(tree, f"usr/{name}") for name in ("a", "out", "abs", "folder/secret", "none")] == [None] * 5


@given(st.integers(0, 1500), st.binary(min_size=1, max_size=8), st.integers(0, 4000))
def test_any_bytes_are_an_elf_file_or_none(
    tmp_path_factory: pytest.TempPathFactory, at: int, junk: bytes, cut: int
) -> None:
    libc_bytes = libc().files[f"usr/lib/{TRIPLET}/libc.so.6"]
    assert isinstance(libc_bytes, tuple)
    data = libc_bytes[1]
    file = tmp_path_factory.getbasetemp() / "elf"
    file.write_bytes(data[:at] + junk + data[at + len(junk) : len(data) - cut])
    with open(file, "rb") as handle:
        found = elf.read(handle)
    assert found is None or isinstance(found, elf.Elf)
