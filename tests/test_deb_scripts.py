"""What Debian packages say in scripts: names they offer together, and which program runs them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devshell.sources.deb import alternatives, scripts
from support import relocated
from support.deb_archive import Deb, Link
from support.relocated import arranged, links

pytestmark = relocated.needed


def offering(name: str, postinst: str, files: dict[str, bytes | tuple[int, bytes] | Link]) -> Deb:
    return Deb(name, files=files, scripts={"postinst": postinst.encode()})


def test_alternatives(tmp_path: Path) -> None:
    first = offering(
        "mawk",
        "update-alternatives --install /usr/bin/awk awk /usr/bin/mawk 5 \\\n"
        "  --slave /usr/share/man/man1/awk.1.gz awk.1.gz /usr/share/man/man1/mawk.1.gz\n",
        {"usr/bin/mawk": (0o755, b"m"), "usr/share/man/man1/mawk.1.gz": b"", "etc/x": Link("/etc/alternatives/awk")},
    )
    second = offering(
        "gawk",
        'update-alternatives --quiet --install /usr/bin/awk awk "/bin/gawk" 10 --slave /usr/bin/nawk nawk /bin/gawk\n'
        "update-alternatives --install /usr/bin/gone gone /usr/bin/missing 99\n",
        {"usr/bin/gawk": (0o755, b"g")},
    )
    tree = arranged(tmp_path / "store", [first, second], "mawk").tree
    assert os.readlink(tree / "usr/bin/awk") == "gawk"
    assert os.readlink(tree / "usr/bin/nawk") == "gawk"
    assert (tree / "etc/x").read_bytes() == b"g"
    assert not os.path.lexists(tree / "usr/bin/gone")
    assert links(tree, "bin") == {"awk": "../usr/bin/awk", "mawk": "../usr/bin/mawk"}
    assert links(tree, "share/man/man1").keys() == {"awk.1.gz", "mawk.1.gz"}


def test_an_alternative_replaces_nothing_and_goes_nowhere(tmp_path: Path) -> None:
    script = "\n".join(
        f"update-alternatives --install {link} {name} /usr/bin/tool 1"
        for link, name in [
            ("/usr/bin/mine", "mine"),
            ("/../../../escaped", "escaped"),
            ("/usr/bin/x", "../../../escaped"),
            ("/usr/bin/tool/below", "below"),
            ("/usr/link/inside", "inside"),
            ("relative", "relative"),
        ]
    )
    tree = arranged(
        tmp_path / "store",
        [
            offering(
                "tool",
                script,
                {"usr/bin/tool": (0o755, b"t"), "usr/bin/mine": (0o755, b"m"), "usr/link": Link("/usr/share")},
            )
        ],
        "tool",
    ).tree
    assert (tree / "usr/bin/mine").read_bytes() == b"m"
    assert not os.path.lexists(tmp_path / "escaped")
    assert not os.path.lexists(tree / "usr/share/inside")
    assert links(tree, "bin").keys() == {"tool", "mine"}


POSTINST = r"""#!/bin/sh
set -e
basedir=/usr/lib/jvm/java-21
priority=2111 # a comment with an apostrophe's problems
tools='java keytool'
case "$1" in
configure)
    for i in $tools; do
        unset slave1 || true
        if [ -e $basedir/man/$i ]; then
            slave1="--slave /usr/share/man/$i $i.1 $basedir/man/$i"
        fi
        update-alternatives \
            --install /usr/bin/$i $i \
            $basedir/bin/${i} $priority $slave1
    done
    if true; then for p in a b; do for q in 1 2; do
        update-alternatives --install /usr/bin/$p$q $p$q /x/$p$q 1; done; done; fi
    update-alternatives --install /usr/bin/$(uname) x /x 1
    update-alternatives --install /usr/bin/unknown x /x/$unknown 1
    update-alternatives --install "/usr/bin/last" last '/x/last' 7 && true
    echo update-alternatives --install /usr/bin/no no /x/no 1
    update-alternatives --remove java /x
;;
esac
"""


def test_a_postinst_is_read_as_far_as_it_is_plain() -> None:
    found = {(one.link, one.path, one.priority) for one in alternatives.read("p", POSTINST)}
    java = "/usr/lib/jvm/java-21/bin"
    assert found == {
        ("/usr/bin/java", f"{java}/java", 2111),
        ("/usr/bin/keytool", f"{java}/keytool", 2111),
        ("/usr/bin/a1", "/x/a1", 1),
        ("/usr/bin/a2", "/x/a2", 1),
        ("/usr/bin/b1", "/x/b1", 1),
        ("/usr/bin/b2", "/x/b2", 1),
        ("/usr/bin/last", "/x/last", 7),
    }


def test_a_hostile_postinst_costs_little() -> None:
    words = " ".join(str(n) for n in range(100))
    loops = "".join(f"for v{n} in {words}; do\n" for n in range(4))
    for body in ("update-alternatives --install /usr/bin/$v1 $v1 /x 1", "", "x=update-alternatives"):
        assert len(list(alternatives.read("p", f"{loops}{body}\n" + "done\n" * 4))) <= 5000
    assert list(alternatives.read("p", "for x in update-alternatives; do\n" * 50_000)) == []
    assert list(alternatives.read("p", "update-alternatives --install '")) == []
    assert list(alternatives.read("p", "update-alternatives --install /a b /c " + "9" * 5000)) == []
    doubled = "a=xxxxxxxx\n" + "".join(
        f"{b}=${a}${a}${a}${a}\n" for a, b in zip("abcdefghijkl", "bcdefghijklm", strict=True)
    )
    assert list(alternatives.read("p", f"{doubled}update-alternatives --install /$m m /x 1\n")) == []


@given(
    st.text(alphabet=st.sampled_from("for in do done;\n$i{}()'\"\\=|& update-alternatives--install/a1"), max_size=200)
)
def test_any_postinst_can_be_read(text: str) -> None:
    for one in alternatives.read("p", f"update-alternatives {text}"):
        assert one.link.startswith("/")


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("#!/bin/sh", "/usr/bin/sh"),
        ("#! /bin/sh -e", "/usr/bin/sh -e"),
        ("#!/usr/bin/perl -w ", "/.wrappers/usr/bin/perl -w"),
        ("#!/usr/bin/perl5", "/.wrappers/usr/bin/perl"),
        ("#!/usr/bin/env perl", "/.wrappers/usr/bin/perl"),
        ("#!/usr/bin/env sh -e", "/usr/bin/sh -e"),
        ("#!/usr/bin/env -S sh -e", "/usr/bin/sh -e"),
        ("#!/usr/bin/env -S sh -e -x", None),
        ("#!/usr/bin/env python3", None),
        ("#!/usr/bin/env", None),
        ("#!/usr/bin/env ../../bin/sh", None),
        ("#!/usr/bin/env A=b sh", None),
        ("#!/usr/bin/python3", None),
        ("#!/usr/bin/data", None),
        ("#!/usr/bin/out", None),
        ("#!/../usr/bin/sh", "/usr/bin/sh"),
        ("#!sh", None),
        ("#!", None),
        ("", None),
    ],
)
def test_first_lines(tmp_path: Path, line: str, becomes: str | None) -> None:
    folder = tmp_path / "usr" / "bin"
    folder.mkdir(parents=True)
    for name in ("dash", "perl"):
        (folder / name).touch(0o755)
    (folder / "data").touch(0o644)
    (folder / "sh").symlink_to("dash")
    (folder / "perl5").symlink_to("perl")
    (folder / "out").symlink_to("/bin/sh")
    wrappers = [{"kind": "wrapper", "path": "usr/bin/perl"}]
    final = Path("/store/tool")
    found = scripts.new_line(line, tmp_path, final, wrappers)
    assert found == (None if becomes is None else f"#!{final}{becomes}\n".encode())


@given(st.text(alphabet=st.sampled_from("#!/binusrsh env-S\t\r .\udcff'\"$`"), max_size=80))
def test_any_first_line(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    base = tmp_path_factory.getbasetemp() / "lines"
    (base / "usr/bin").mkdir(parents=True, exist_ok=True)
    (base / "usr/bin/sh").touch(0o755)
    found = scripts.new_line(f"#!{text}", base, Path("/s/t"), [])
    assert found is None or (found.startswith(b"#!/s/t/usr/") and found.count(b"\n") == 1 and len(found) <= 256)
